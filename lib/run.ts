import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { PolisError } from './error.ts'

export interface RunOptions {
  readonly signal: AbortSignal
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
}

export interface RunResult {
  readonly stdout: string
  readonly stderr: string
}

const MAX_OUTPUT_BYTES = 16 * 1024 * 1024

/**
 * Runs a program with an argument list (never through a shell) to its end.
 * Throws Unavailable when it is not installed, NotFound when `cwd` is not there, Internal with its last words when it
 * exits non-zero.
 */
export function run(
  program: string,
  args: readonly string[],
  options: RunOptions,
): Promise<RunResult> {
  const { signal, input, env, cwd } = options
  return new Promise((resolve, reject) => {
    const child = execFile(
      program,
      [...args],
      {
        signal,
        cwd,
        maxBuffer: MAX_OUTPUT_BYTES,
        ...(env === undefined ? {} : { env: { ...process.env, ...env } }),
      },
      (cause, stdout, stderr) => {
        if (cause === null) resolve({ stdout, stderr })
        else if (signal.aborted) reject(signal.reason)
        else if (cause.code === 'ENOENT') {
          reject(notStarted(program, cwd, cause))
        } else {
          const words = `${stderr}${stdout}`.trim().split('\n').slice(-8).join('\n')
          reject(new PolisError('Internal', `${program} failed: ${words}`, { cause }))
        }
      },
    )
    child.stdin?.on('error', () => undefined) // a program that does not read its input is no failure
    child.stdin?.end(input ?? '')
  })
}

/** The system says ENOENT for either. */
function notStarted(program: string, cwd: string | undefined, cause: unknown): PolisError {
  if (cwd === undefined || existsSync(cwd))
    return new PolisError('Unavailable', `${program} is not installed`, { cause })
  const message = `${program} cannot run in ${cwd}: there is no such folder`
  return new PolisError('NotFound', message, { path: cwd, cause })
}
