import { PolisError } from '@polis/lib/error'
import type { Input, ShellDeps } from './shell.ts'

const MOST_BYTES = 1024 * 1024

/** All of standard input. Throws FailedPrecondition on a terminal, where nobody would know that it waits. */
export async function readInput(input: Input): Promise<string> {
  if (input.isTTY === true) {
    throw new PolisError(
      'FailedPrecondition',
      'the value has to come from standard input or a file',
      {
        hint: 'write `< FILE` behind the command',
      },
    )
  }
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of input) {
    const bytes = Buffer.from(chunk)
    sizeBytes += bytes.byteLength
    if (sizeBytes > MOST_BYTES) throw new PolisError('InvalidArgument', 'it is larger than 1 MiB')
    chunks.push(bytes)
  }
  return Buffer.concat(chunks).toString()
}

/** One line that nobody shall see: typed blindly at a terminal, or all of standard input. Never an argument, which others could read. */
export async function readSecret({ stdin, stderr }: ShellDeps, prompt: string): Promise<string> {
  if (stdin.isTTY !== true) return (await readInput(stdin)).replace(/\r?\n$/, '')
  stderr.write(prompt)
  stdin.setRawMode?.(true)
  let typed = ''
  try {
    for await (const chunk of stdin) {
      for (const key of Buffer.from(chunk).toString()) {
        if (key === '\r' || key === '\n' || key === '\u0004') return typed
        if (key === '\u0003') throw new PolisError('Canceled', 'interrupted')
        typed = key === '\u007F' || key === '\b' ? typed.slice(0, -1) : typed + key
      }
    }
    return typed
  } finally {
    stdin.setRawMode?.(false)
    stderr.write('\n')
  }
}
