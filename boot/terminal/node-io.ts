import { createInterface } from 'node:readline/promises'
import type { Io } from './io.ts'

/** The terminal, or whatever stands in its place, of this process. */
export function nodeIo(signal: AbortSignal): Io {
  const { stdin, stdout, stderr, env } = process
  const isAnswered = stdin.isTTY && stdout.isTTY
  const ask = async (question: string, until: AbortSignal): Promise<string> => {
    const terminal = createInterface({ input: stdin, output: stdout })
    try {
      return await terminal.question(question, { signal: until })
    } finally {
      terminal.close()
    }
  }
  return { env, out: stdout, err: stderr, ask: isAnswered ? ask : undefined, signal }
}
