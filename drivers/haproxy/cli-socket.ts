import { createConnection } from 'node:net'
import { fromSocketError } from './errors.ts'

const ANSWER_WITHIN_MS = 10_000

/**
 * Asks HAProxy one line (commands joined by `;`, at most one payload at the end) and returns the whole answer.
 * Throws Unavailable when nobody answers on that socket.
 */
export async function ask(path: string, line: string, signal: AbortSignal): Promise<string> {
  const within = AbortSignal.any([signal, AbortSignal.timeout(ANSWER_WITHIN_MS)])
  within.throwIfAborted()
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    const socket = createConnection({ path, allowHalfOpen: true })
    const onAbort = (): void => {
      socket.destroy()
      const late = fromSocketError(within.reason, path)
      reject(signal.aborted ? signal.reason : late)
    }
    within.addEventListener('abort', onAbort, { once: true })
    socket.on('data', (chunk) => chunks.push(chunk))
    socket.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')))
    socket.on('error', (cause) => reject(fromSocketError(cause, path)))
    socket.on('close', () => {
      within.removeEventListener('abort', onAbort)
      // A worker that is killed closes without an answer's end; without effect when one came.
      reject(fromSocketError(new Error('closed without an answer'), path))
    })
    socket.end(`${line}\n`)
  })
}
