// The ways of `polis up` into the running Polis: those that any user has.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { PolisError } from '@polis/lib/error'
import { z } from 'zod'
import type { Config } from '../config.ts'
import { findJson, replaceFile } from '../files.ts'
import type { Home } from '../home.ts'
import { programPath } from '../places.ts'

type Environment = Readonly<Record<string, string | undefined>>

export const apiUrl = ({ api }: Config): string =>
  `http://${api.address.includes(':') ? `[${api.address}]` : api.address}:${api.port}`

const Failure = z.looseObject({ message: z.string(), hint: z.string().optional() })

/** Runs commands of the shell as root of this host. */
export class LocalShell {
  readonly #env: Environment
  readonly #url: string
  readonly #token: string

  constructor(home: Home, config: Config, env: Environment) {
    this.#url = apiUrl(config)
    this.#token = readFileSync(home.signInTokenFile, 'utf8').trim()
    this.#env = { ...env, POLIS_URL: this.#url, POLIS_TOKEN: this.#token, POLIS_CONTEXT: undefined }
  }

  /** What `polis ARGS -o json` prints; its progress goes to `onLine`. Throws what it refused with. */
  async run<T>(
    args: readonly string[],
    schema: z.ZodType<T>,
    onLine: (line: string) => void,
    signal: AbortSignal,
  ): Promise<T> {
    const command = [programPath('polis'), ...args, '-o', 'json']
    const child = spawn(process.execPath, command, {
      env: this.#env,
      signal,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const words: string[] = []
    createInterface(child.stderr).on('line', (line) => {
      words.push(line)
      onLine(line)
    })
    const chunks: Buffer[] = []
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk))
    const code = await new Promise<number | null>((resolve, reject) => {
      child.once('error', reject)
      child.once('close', resolve)
    })
    if (code !== 0) throw toError(args, words)
    return schema.parse(JSON.parse(Buffer.concat(chunks).toString('utf8')))
  }

  /** A link that signs root in, once. */
  async newSignInLink(signal: AbortSignal): Promise<string> {
    const query = 'mutation { createSignInToken(user: "admin") { text } }'
    const response = await fetch(`${this.#url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', authorization: `Bearer ${this.#token}` },
      body: JSON.stringify({ query }),
      signal,
    })
    const Answer = z.object({
      data: z.object({ createSignInToken: z.object({ text: z.string() }) }),
    })
    const answer = Answer.safeParse(await response.json())
    if (!answer.success) throw new PolisError('Internal', 'the server makes no sign-in link')
    const { text } = answer.data.data.createSignInToken
    return `${this.#url}/sign-in?token=${encodeURIComponent(text)}`
  }
}

/** The last line of stderr is the error as JSON, or else words. */
function toError(args: readonly string[], words: readonly string[]): PolisError {
  const what = `polis ${args.slice(0, 2).join(' ')}`
  const start = words.findLastIndex((line) => line.startsWith('{'))
  try {
    const failure = Failure.parse(JSON.parse(words.slice(start).join('\n')))
    const { message, hint } = failure
    return new PolisError('Internal', `${what}: ${message}`, hint === undefined ? {} : { hint })
  } catch {
    return new PolisError('Internal', `${what} failed:\n${words.slice(-12).join('\n')}`)
  }
}

const Contexts = z.looseObject({
  current: z.string().optional(),
  contexts: z.record(z.string(), z.looseObject({ url: z.string() })),
})

/** The shell of this user knows the installation under its name; others it knows stay. Safe to repeat. */
export function signShellIn(home: Home, config: Config, env: Environment): void {
  const folder = env['XDG_CONFIG_HOME'] ?? join(env['HOME'] ?? '/root', '.config')
  const path = join(folder, 'polis/contexts.json')
  const before = findJson(path, Contexts)
  if (before === undefined && existsSync(path)) {
    throw new PolisError('FailedPrecondition', `${path} is not a file of contexts`, {
      path,
      hint: 'mend it, or remove it and run `polis up` again',
    })
  }
  const token = readFileSync(home.signInTokenFile, 'utf8').trim()
  const contexts = { ...before?.contexts, [config.name]: { url: apiUrl(config), token } }
  const next = { ...before, current: before?.current ?? config.name, contexts }
  if (JSON.stringify(next) === JSON.stringify(before)) return
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
  replaceFile(path, `${JSON.stringify(next, undefined, 2)}\n`)
}
