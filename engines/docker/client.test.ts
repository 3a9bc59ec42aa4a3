// The client against engines of other versions than the installed one, and against broken ones: a scripted server.
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { DockerClient, dockerPath } from './client.ts'

const signal = (): AbortSignal => AbortSignal.timeout(5000)

const v20 = { Version: '20.10.24', ApiVersion: '1.41', MinAPIVersion: '1.12' }
const v29 = { Version: '29.0.0', ApiVersion: '1.52', MinAPIVersion: '1.44' }

let folder = ''
let server: Server
let docker: DockerClient
let versions: unknown = v20
let asked: string[] = []
let answer: (request: IncomingMessage, response: ServerResponse) => void

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'polis-docker-'))
  versions = v20
  asked = []
  answer = (_request, response) => response.end('{}')
  server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`)
    if (request.url === '/version') response.end(JSON.stringify(versions))
    else answer(request, response)
  })
  const socketPath = join(folder, 'd.sock')
  server.listen(socketPath)
  await once(server, 'listening')
  docker = new DockerClient({ socketPath })
})

afterEach(() => {
  server.closeAllConnections()
  server.close()
  rmSync(folder, { recursive: true })
})

describe('the API version', () => {
  it('is 1.41 where the engine accepts it, asked once', async () => {
    await docker.send('GET', '/info', { signal: signal() })
    await docker.send('GET', '/info', { signal: signal() })
    expect(asked).toEqual(['GET /version', 'GET /v1.41/info', 'GET /v1.41/info'])
  })

  it('is the oldest that a newer engine accepts', async () => {
    versions = v29
    await docker.send('GET', '/info', { signal: signal() })
    expect(asked.at(-1)).toBe('GET /v1.44/info')
  })

  it('is asked again after the engine was exchanged', async () => {
    await docker.send('GET', '/info', { signal: signal() })
    versions = v29
    answer = (request, response) => {
      if (request.url?.startsWith('/v1.44') === true) return response.end()
      response.statusCode = 400
      return response.end(
        '{"message":"client version 1.41 is too old. Minimum supported API version is 1.44"}',
      )
    }
    const refused = docker.send('GET', '/info', { signal: signal() })
    await expect(refused).rejects.toMatchObject({ code: 'Unavailable' })
    await docker.send('GET', '/info', { signal: signal() })
    expect(asked.at(-1)).toBe('GET /v1.44/info')
  })

  it('of an engine that is too old is refused with a hint', async () => {
    versions = { Version: '19.03.1', ApiVersion: '1.40', MinAPIVersion: '1.12' }
    const refused = docker.send('GET', '/info', { signal: signal() })
    await expect(refused).rejects.toMatchObject({ code: 'FailedPrecondition', hint: /20\.10/ })
  })
})

describe('requests', () => {
  it('encode every value of a path, and repeat listed parameters', async () => {
    const query = { names: ['a/b:1', 'c'], all: true, none: undefined }
    await docker.send('GET', dockerPath`/x/${'../a?b'}/y`, {
      query,
      filters: { label: ['k=v'] },
      signal: signal(),
    })
    const url = new URL(asked.at(-1)?.slice(4) ?? '', 'http://docker')
    expect(url.pathname).toBe('/v1.41/x/..%2Fa%3Fb/y')
    expect(url.searchParams.getAll('names')).toEqual(['a/b:1', 'c'])
    expect(url.searchParams.get('filters')).toBe('{"label":["k=v"]}')
    expect(url.searchParams.has('none')).toBe(false)
  })

  it('refuse an answer that is not what was asked for', async () => {
    const schema = z.object({ Id: z.string() })
    const read = docker.request('GET', '/x', { schema, signal: signal() })
    await expect(read).rejects.toMatchObject({ code: 'Internal', message: /GET \/x/ })
  })

  it('end with the reason of their signal, also in the middle of an answer', async () => {
    answer = (_request, response) => response.write('{"half":')
    const stop = new AbortController()
    const reason = new Error('enough')
    const read = docker.request('GET', '/x', { schema: z.unknown(), signal: stop.signal })
    await once(server, 'request')
    setImmediate(() => stop.abort(reason))
    await expect(read).rejects.toBe(reason)
    await expect(docker.ping(AbortSignal.abort(reason))).rejects.toBe(reason)
  })

  it('tell that an engine is gone', async () => {
    answer = (request) => request.socket.destroy()
    await expect(docker.ping(signal())).rejects.toMatchObject({ code: 'Unavailable' })
    const nobody = new DockerClient({ socketPath: join(folder, 'none.sock') })
    await expect(nobody.ping(signal())).rejects.toMatchObject({ code: 'Unavailable' })
  })

  it('show the words of a failure that is not JSON', async () => {
    answer = (_request, response) => {
      response.statusCode = 500
      response.end('page not found\n')
    }
    const failed = docker.send('GET', '/x', { signal: signal() })
    await expect(failed).rejects.toMatchObject({
      code: 'Internal',
      message: 'Docker: page not found',
    })
  })
})

describe('lines', () => {
  const schema = z.object({ n: z.number() })
  const options = { schema, signal: signal() }

  it('are given one by one until the one that tells an error', async () => {
    answer = (_request, response) =>
      response.end('{"n":1}\r\n{"n":2}\n{"error":"manifest unknown"}\n')
    const seen: number[] = []
    const read = async (): Promise<void> => {
      for await (const { n } of await docker.lines('GET', '/x', options)) seen.push(n)
    }
    await expect(read()).rejects.toMatchObject({ code: 'NotFound' })
    expect(seen).toEqual([1, 2])
  })

  it('that stop because the engine died are Unavailable', async () => {
    answer = (request, response) => {
      response.write('{"n":1}\n')
      setImmediate(() => request.socket.destroy())
    }
    const read = async (): Promise<unknown> =>
      Array.fromAsync(await docker.lines('GET', '/x', options))
    await expect(read()).rejects.toMatchObject({ code: 'Unavailable' })
  })

  it('close their connection when nobody reads on', async () => {
    answer = (_request, response) => response.write('{"n":1}\n')
    const count = (): Promise<number> =>
      new Promise((resolve) => {
        server.getConnections((_error, connections) => resolve(connections))
      })
    for await (const { n } of await docker.lines('GET', '/x', options)) {
      expect([n, await count()]).toEqual([1, 1])
      break
    }
    await expect.poll(count).toBe(0)
  })
})
