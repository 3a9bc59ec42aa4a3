import type { Logger } from '@polis/lib/logger'
import { silentLogger } from '@polis/lib/logger'
import { systemClock } from '@polis/lib/system-clock'
import { z } from 'zod'
import { type ApiServer, createApiServer } from './server.ts'
import { TestKernel } from './test-kernel.ts'

const Answer = z.object({
  data: z.record(z.string(), z.unknown()).nullish(),
  errors: z
    .array(z.object({ message: z.string(), extensions: z.record(z.string(), z.unknown()) }))
    .optional(),
})
export type Answer = z.infer<typeof Answer>

/** The text at a path of the answer's data, such as `stop`, `operation`, `id`. */
export function textAt(answer: Answer, ...path: readonly string[]): string {
  let value: unknown = answer.data
  for (const key of path) value = z.record(z.string(), z.unknown()).parse(value)[key]
  return z.string().parse(value)
}

/** The API over real HTTP on a free port, on a test kernel with an administrator. */
export class TestApi implements AsyncDisposable {
  readonly kernel: TestKernel
  readonly url: string
  /** Token of the user `root`. */
  readonly token: string
  readonly #server: ApiServer
  readonly #stop: AbortController

  private constructor(parts: {
    readonly kernel: TestKernel
    readonly url: string
    readonly token: string
    readonly server: ApiServer
    readonly stop: AbortController
  }) {
    this.kernel = parts.kernel
    this.url = parts.url
    this.token = parts.token
    this.#server = parts.server
    this.#stop = parts.stop
  }

  static async open(logger: Logger = silentLogger): Promise<TestApi> {
    const stop = new AbortController()
    const kernel = await TestKernel.open(systemClock, stop.signal)
    const token = await kernel.addUser('root', 'administrator')
    const server = createApiServer({
      kernel,
      logger,
      clock: systemClock,
      version: '0.1.0',
      address: '127.0.0.1',
      port: 0,
    })
    const { url } = await server.listen()
    return new TestApi({ kernel, url, token, server, stop })
  }

  /** Posts a document and reads the answer. `token` undefined: nobody is signed in. */
  async ask(
    query: string,
    variables: Readonly<Record<string, unknown>> = {},
    token: string | undefined = this.token,
  ): Promise<Answer> {
    const response = await this.post({ query, variables }, bearer(token))
    return Answer.parse(await response.json())
  }

  async post(body: unknown, headers: Readonly<Record<string, string>> = {}): Promise<Response> {
    return await fetch(`${this.url}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
  }

  /** Items of a subscription as they come: results of GraphQL, also failed ones. Leaving the loop ends the stream. */
  async *follow(
    query: string,
    variables: Readonly<Record<string, unknown>> = {},
    token: string = this.token,
  ): AsyncGenerator<Answer, void, undefined> {
    const abort = new AbortController()
    const response = await fetch(`${this.url}/graphql`, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'text/event-stream',
        ...bearer(token),
      },
      body: JSON.stringify({ query, variables }),
      signal: abort.signal,
    })
    try {
      let text = ''
      for await (const chunk of response.body ?? []) {
        text += Buffer.from(chunk).toString()
        const events = text.split('\n\n')
        text = events.pop() ?? ''
        for (const event of events) {
          const line = /^data: (?<json>.+)$/m.exec(event)?.groups?.['json']
          if (line !== undefined) yield Answer.parse(JSON.parse(line))
        }
      }
    } finally {
      abort.abort()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server.close()
    this.#stop.abort()
  }
}

export function bearer(token: string | undefined): Readonly<Record<string, string>> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` }
}
