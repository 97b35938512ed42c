import type { Command } from 'commander'

/** What can follow one command path, such as `state scan`. */
interface Level {
  readonly path: string
  readonly words: readonly string[]
}

/** A script for bash, zsh or fish that completes commands and flags; other words are completed as files. */
export function completionScript(program: Command, shell: string): string {
  const levels = levelsOf(program, '')
  if (shell === 'fish') return fish(levels)
  const script = bash(levels)
  return shell === 'zsh' ? `autoload -Uz bashcompinit && bashcompinit\n${script}` : script
}

function levelsOf(command: Command, path: string): Level[] {
  const flags = command.options.flatMap((option) => (option.long ? [option.long] : []))
  const words = [...command.commands.map((each) => each.name()), ...flags, '--help']
  const below = command.commands.flatMap((each) => levelsOf(each, path === '' ? each.name() : `${path} ${each.name()}`))
  return [{ path, words }, ...below]
}

function bash(levels: readonly Level[]): string {
  const cases = levels.map(({ path, words }) => `    '${path}') words='${words.join(' ')}' ;;`).join('\n')
  return `_tidemark() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path='' words='' word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$word" in -*|*.*|*/*|*=*) break ;; esac
    path="\${path:+$path }$word"
  done
  case "$path" in
${cases}
  esac
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -o default -F _tidemark tidemark`
}

function fish(levels: readonly Level[]): string {
  return levels
    .flatMap(({ path, words }) => {
      const seen =
        path === ''
          ? '__fish_use_subcommand'
          : path
              .split(' ')
              .map((w) => `__fish_seen_subcommand_from ${w}`)
              .join('; and ')
      return words.map((word) => {
        const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-a ${word}`
        return `complete -c tidemark -n '${seen}' ${what}`
      })
    })
    .join('\n')
}
