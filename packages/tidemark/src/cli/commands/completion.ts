import { Argument, type Command } from 'commander'
import { type CliContext, examples, type Options } from '../context.ts'
import { toJson } from '../format.ts'

/** `tidemark completion bash|zsh|fish`. */
export function addCompletion(program: Command, context: CliContext): void {
  const command = program
    .command('completion')
    .description('print a script that makes the shell complete commands and flags')
    .addArgument(new Argument('<shell>', 'which shell').choices(['bash', 'zsh', 'fish']))
  command.option('--json', 'print one JSON object: shell, script')
  examples(command, ['source <(tidemark completion bash)', 'tidemark completion fish | source'])
  command.action(async (shell: string, options: Options) => {
    const { completionScript } = await import('../completion-script.ts')
    const script = completionScript(program, shell)
    await context.terminal.print(options['json'] === true ? toJson({ shell, script }) : script)
  })
}
