import { Argument, type Command } from 'commander'
import { type CliContext, examples } from '../context.ts'

/** `tidemark completion bash|zsh|fish`. */
export function addCompletion(program: Command, context: CliContext): void {
  const command = program
    .command('completion')
    .description('print a script that makes the shell complete commands and flags')
    .addArgument(new Argument('<shell>', 'which shell').choices(['bash', 'zsh', 'fish']))
  examples(command, ['source <(tidemark completion bash)', 'tidemark completion fish | source'])
  command.action(async (shell: string) => {
    const { completionScript } = await import('../completion-script.ts')
    await context.terminal.print(completionScript(program, shell))
  })
}
