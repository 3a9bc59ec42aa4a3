import { Argument, type Command } from 'commander'
import type { Shell } from '../shell.ts'
import { examples } from './options.ts'

/** Scripts that complete verbs and options; they know the program as it was when they were made. */
export function addCompletion(program: Command, shell: Shell): void {
  const completion = program
    .command('completion')
    .description('Print a completion script.')
    .addArgument(new Argument('<shell>', 'the shell').choices(['bash', 'zsh']))
    .action((name: 'bash' | 'zsh') =>
      shell.run(completion, async ({ deps }) => {
        const words = [...wordsOf(program, '')]
        deps.stdout.write(name === 'bash' ? bashScript(words) : zshScript(words))
      }),
    )
  examples(
    completion,
    'polis completion bash > /etc/bash_completion.d/polis',
    'source <(polis completion zsh)',
  )
}

interface Words {
  /** Verbs so far: `app scale`. */
  readonly path: string
  readonly words: readonly string[]
}

function* wordsOf(command: Command, path: string): Generator<Words> {
  const options = command.options.flatMap(({ long }) => long ?? [])
  const choices = command.registeredArguments.flatMap(({ argChoices }) => argChoices ?? [])
  const verbs = command.commands.map((verb) => verb.name())
  yield { path, words: [...verbs, ...choices, ...options, '--help'] }
  for (const verb of command.commands) {
    yield* wordsOf(verb, path === '' ? verb.name() : `${path} ${verb.name()}`)
  }
}

function bashScript(words: readonly Words[]): string {
  const cases = words.map(
    ({ path, words: next }) =>
      `    ${JSON.stringify(path)}) words=${JSON.stringify(next.join(' '))} ;;`,
  )
  return `# completion of polis for bash
_polis() {
  local current="\${COMP_WORDS[COMP_CWORD]}" path="" words="" i
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "\${COMP_WORDS[i]}" in
      -*) ;;
      *) _polis_words "\${path:+$path }\${COMP_WORDS[i]}" && path="\${path:+$path }\${COMP_WORDS[i]}" ;;
    esac
  done
  _polis_words "$path"
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
_polis_words() {
  case "$1" in
${cases.join('\n')}
    *) return 1 ;;
  esac
}
complete -o default -F _polis polis
`
}

function zshScript(words: readonly Words[]): string {
  return `#compdef polis
autoload -U +X bashcompinit && bashcompinit
${bashScript(words)}`
}
