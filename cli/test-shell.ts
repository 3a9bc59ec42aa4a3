import { systemClock } from '@polis/lib/system-clock'
import { type ExtraCommands, runCli } from './program.ts'
import type { Environment, ShellDeps } from './shell.ts'

export interface Ran {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

export interface RunOptions {
  readonly env?: Environment
  readonly stdin?: string
  readonly signal?: AbortSignal
  readonly isTerminal?: boolean
  readonly localFindings?: ShellDeps['localFindings']
  readonly extraCommands?: ExtraCommands
  /** Told of everything that is written, as it is. */
  readonly onWrite?: (text: string) => void
}

/** One command line in this process. The words are parted at blanks; what has blanks is given as a list. */
export async function runShell(
  line: string | readonly string[],
  options: RunOptions = {},
): Promise<Ran> {
  const argv = typeof line === 'string' ? line.split(' ').filter((word) => word !== '') : line
  const { env = {}, stdin = '', isTerminal = false, onWrite } = options
  const written = { stdout: '', stderr: '' }
  const output = (to: 'stdout' | 'stderr'): ShellDeps['stdout'] => ({
    isTTY: isTerminal,
    write: (text: unknown) => {
      written[to] += String(text)
      onWrite?.(String(text))
      return true
    },
  })
  const deps: ShellDeps = {
    stdout: output('stdout'),
    stderr: output('stderr'),
    stdin: inputOf(stdin),
    env,
    clock: systemClock,
    version: '0.1.0',
    signal: options.signal ?? new AbortController().signal,
    ...(options.localFindings === undefined ? {} : { localFindings: options.localFindings }),
  }
  const code = await runCli(argv, deps, options.extraCommands)
  return { code, ...written }
}

function inputOf(text: string): ShellDeps['stdin'] {
  return {
    async *[Symbol.asyncIterator]() {
      if (text !== '') yield text
    },
  }
}
