import { request } from 'node:http'
import { connect as connectHttp2 } from 'node:http2'
import { request as secureRequest } from 'node:https'
import type { TLSSocket } from 'node:tls'
import { CertificateAuthority } from '@polis/kernel/certificate-authority'
import { type Logger, silentLogger } from '@polis/lib/logger'
import { systemClock } from '@polis/lib/system-clock'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { createApiServer } from './server.ts'
import { bearer, TestApi } from './test-api.ts'
import { TEST_PASSWORD } from './test-kernel.ts'

let api: TestApi
const logged: { readonly message: string; readonly fields: unknown }[] = []
const logger: Logger = {
  ...silentLogger,
  error: (message, fields) => void logged.push({ message, fields }),
  debug: (message, fields) => void logged.push({ message, fields }),
  child: () => logger,
}

beforeAll(async () => {
  api = await TestApi.open(logger)
})
afterAll(() => api[Symbol.asyncDispose]())
beforeEach(() => {
  logged.length = 0
})

async function codeOf(response: Response): Promise<unknown> {
  const body = (await response.json()) as { errors: { extensions: { code: string } }[] }
  return body.errors[0]?.extensions.code
}

test.each([
  ['{ projects { total } }', 'Unauthenticated'],
  ['{ installation { version } }', 'Unauthenticated'],
  ['{ resource(uid: "x") { uid } }', 'Unauthenticated'],
  ['{ events { total } }', 'Unauthenticated'],
  ['mutation { createProject(input: { name: "x" }) { plan { verb } } }', 'Unauthenticated'],
  ['mutation { signOut }', 'Unauthenticated'],
  ['{ __schema { queryType { name } } }', 'InvalidArgument'],
  ['{ nothing }', 'InvalidArgument'],
  ['{ broken', 'InvalidArgument'],
])('without a sign-in %s is refused as %s', async (query, code) => {
  expect(await codeOf(await api.post({ query }))).toBe(code)
})

test('who is signed in may look at the schema', async () => {
  expect((await api.ask('{ __schema { queryType { name } } }')).data).toEqual({
    __schema: { queryType: { name: 'Query' } },
  })
  expect(await api.ask('{ me { name role } }')).toEqual({
    data: { me: { name: 'root', role: 'administrator' } },
  })
  expect(await api.ask('{ me { name } }', {}, '')).toMatchObject({ errors: [{}] })
})

test.each(['Bearer wrong', 'Bearer polis_unknown', 'Basic cm9vdDp4', `Bearer ${'x'.repeat(600)}`])(
  'the credential %s is refused at once',
  async (authorization) => {
    const response = await api.post({ query: '{ me { name } }' }, { authorization })
    expect(response.status).toBe(401)
    expect(await codeOf(response)).toBe('Unauthenticated')
  },
)

test('a session lives in a cookie that scripts and other sites cannot use', async () => {
  const query = `mutation { signIn(name: "root", password: "${TEST_PASSWORD}") { token expiresAt } }`
  const signedIn = await api.post({ query })
  expect(await signedIn.json()).toMatchObject({ data: { signIn: { token: null } } })
  const cookie = signedIn.headers.get('set-cookie') ?? ''
  expect(cookie).toMatch(
    /^polis-session-testinstallation2222=polis_\w+; Path=\/; HttpOnly; SameSite=Strict; Expires=/,
  )
  const session = { cookie: cookie.split(';')[0] ?? '' }
  const me = { query: '{ me { name } }' }
  const own = { origin: api.url }
  expect(await (await api.post(me, { ...session, ...own })).json()).toEqual({
    data: { me: { name: 'root' } },
  })
  expect((await api.post(me, { ...session, 'x-polis-client': 'console' })).status).toBe(200)
  for (const foreign of [{}, { origin: 'http://evil.example' }, { origin: 'null' }]) {
    expect((await api.post(me, { ...session, ...foreign })).status).toBe(403)
  }
  expect(await (await fetch(api.url, { headers: session })).text()).toContain(
    'Signed in as <strong>root',
  )
  const out = await api.post({ query: 'mutation { signOut }' }, { ...session, ...own })
  expect(out.headers.get('set-cookie')).toContain('Max-Age=0')
  const stale = await api.post(me, { ...session, ...own })
  expect(await stale.json()).toEqual({ data: { me: null } })
  expect(stale.headers.get('set-cookie')).toContain('Max-Age=0')
})

test('a one-time link signs in once and leads to the front page', async () => {
  const { text } = await api.kernel.createSignInToken({} as never, 'root')
  const link = `${api.url}/sign-in?token=${text}`
  const first = await fetch(link, { redirect: 'manual' })
  expect([first.status, first.headers.get('location')]).toEqual([303, '/'])
  expect(first.headers.get('set-cookie')).toContain('HttpOnly')
  const second = await fetch(link, { redirect: 'manual' })
  expect(second.status).toBe(401)
  expect(await second.text()).toContain('A sign-in link works once')
  expect(JSON.stringify(logged)).not.toContain(text)
})

test('pages bring everything themselves and may be framed by nobody', async () => {
  const { headers } = await fetch(api.url)
  expect(headers.get('content-security-policy')).toMatch(
    /^default-src 'none'; style-src 'sha256-.+frame-ancestors 'none'$/,
  )
  expect(headers.get('x-content-type-options')).toBe('nosniff')
  expect(headers.get('referrer-policy')).toBe('no-referrer')
  expect(headers.get('cache-control')).toBe('no-store')
})

test('a request id is taken when it is well formed, and made otherwise', async () => {
  const idFor = async (id: string): Promise<string | null> =>
    (await fetch(`${api.url}/healthz`, { headers: { 'x-request-id': id } })).headers.get(
      'x-request-id',
    )
  expect(await idFor('request-1.a_B')).toBe('request-1.a_B')
  for (const id of ['short', 'has blanks in', 'x'.repeat(65), 'quo"te--']) {
    expect(await idFor(id)).toMatch(/^[a-z2-7]{20}$/)
  }
})

test('health and readiness are for everybody', async () => {
  expect(await (await fetch(`${api.url}/healthz`)).text()).toBe('ok')
  expect(await (await fetch(`${api.url}/readyz`)).text()).toBe('ready')
  expect(await codeOf(await fetch(`${api.url}/nothing`))).toBe('NotFound')
})

test('metrics tell of routes, never of paths', async () => {
  await (await fetch(`${api.url}/uploads/secret-name`)).text()
  const response = await fetch(`${api.url}/metrics`)
  expect(response.headers.get('content-type')).toContain('text/plain')
  const text = await response.text()
  expect(text).toMatch(
    /polis_http_requests_total\{method="GET",route="\/uploads\/:digest",status="401"\} 1/,
  )
  expect(text).toContain('polis_ready 1')
  expect(text).toContain('process_resident_memory_bytes')
  expect(text).not.toContain('secret-name')
  // What a proxy on this machine passes on is not local.
  const passedOn = { 'x-forwarded-for': '192.0.2.1' }
  expect((await fetch(`${api.url}/metrics`, { headers: passedOn })).status).toBe(401)
  const viewer = { ...passedOn, ...bearer(await api.kernel.addUser('prometheus', 'viewer')) }
  expect((await fetch(`${api.url}/metrics`, { headers: viewer })).status).toBe(200)
})

test('what goes wrong inside is told to nobody and logged once with its causes', async () => {
  const cause = new Error('disk on fire')
  api.kernel.fault = new Error('could not plan', { cause })
  const query = 'mutation { createProject(input: { name: "x" }) { plan { verb } } }'
  const response = await api.post(
    { query },
    { ...bearer(api.token), 'x-request-id': 'request-of-mine' },
  )
  api.kernel.fault = undefined
  const text = await response.text()
  expect(text).toContain('look for request request-of-mine in the server')
  expect(text).not.toMatch(/fire|plan"|stack/)
  expect(logged.filter(({ message }) => message === 'a request failed')).toEqual([
    {
      message: 'a request failed',
      fields: { requestId: 'request-of-mine', causes: ['could not plan', 'disk on fire'] },
    },
  ])
})

/** Each of these fragments spreads the next one twice. */
function doublings(names: string): string {
  const next = names.slice(1)
  return next.replaceAll(/./g, (name, at: number) => {
    return `fragment ${names.charAt(at)} on Query { ...${name} ...${name} } `
  })
}

const fields = (name: string): string => `${name} { uid `
test.each([
  [
    'deep',
    `{ volume(name: "a") { ${fields('project').repeat(13)} ${'}'.repeat(13)} } }`,
    'levels deep',
  ],
  [
    'wide',
    `{ ${Array.from({ length: 31 }, (_, n) => `a${n}: me { name }`).join(' ')} }`,
    '31 aliases',
  ],
  ['long', `{ ${'me { name } '.repeat(2000)} }`, 'tokens'],
  [
    'dear',
    '{ nodes(first: 200) { nodes { devices { databases { attachments { service { tasks { name uid } } } } } } } }',
    'it costs',
  ],
  [
    'multiplied by fragments',
    `{ ...a } fragment z on Query { ${'projects(first: 200) { total } '.repeat(30)} } ${doublings('abcdefghijz')}`,
    'it costs',
  ],
  [
    'of many mutations',
    `mutation { ${Array.from({ length: 11 }, (_, n) => `a${n}: signOut`).join(' ')} }`,
    '11 mutations',
  ],
])('a request that is too %s is refused', async (_, query, message) => {
  const answer = await api.ask(query)
  expect(answer.errors?.[0]?.message).toContain(message)
  expect(answer.errors?.[0]?.extensions).toMatchObject({ code: 'InvalidArgument' })
})

test('the ordinary is well within the limits', async () => {
  const list =
    '{ services(first: 200) { nodes { name spec { template { environment } } tasks { name status { state } } } } }'
  expect((await api.ask(list)).errors).toBeUndefined()
})

test('batches are refused', async () => {
  const response = await api.post([{ query: '{ me { name } }' }], bearer(api.token))
  expect(response.status).toBe(400)
  expect(await codeOf(response)).toBe('InvalidArgument')
})

test.each(['text/plain', 'application/x-www-form-urlencoded', 'multipart/form-data', ''])(
  'the content type %j, which any page can send, is refused',
  async (type) => {
    const response = await fetch(`${api.url}/graphql`, {
      method: 'POST',
      headers: { ...bearer(api.token), ...(type === '' ? {} : { 'content-type': type }) },
      body: new TextEncoder().encode('query=mutation{signOut}'),
    })
    expect(response.status).toBe(415)
    await response.text()
  },
)

test.each(['GET', 'PUT', 'DELETE', 'OPTIONS'])(
  'GraphQL is posted, not asked for by %s',
  async (method) => {
    const response = await fetch(`${api.url}/graphql?query={me{name}}`, {
      method,
      headers: bearer(api.token),
    })
    expect(response.status).toBe(404)
    await response.text()
  },
)

test('50 MB are refused before they are read', async () => {
  const startedMs = performance.now()
  const response = await api.post(
    { query: '{ me { name } }', variables: { a: 'x'.repeat(50_000_000) } },
    bearer(api.token),
  )
  expect(response.status).toBe(413)
  const answer = (await response.json()) as { errors: { message: string }[] }
  expect(answer.errors[0]?.message).toBe('the request is larger than 1572864 bytes')
  // Not a measurement: reading and parsing them would take seconds.
  expect(performance.now() - startedMs).toBeLessThan(5000)
})

test('a body without an announced length is counted as it comes', async () => {
  const status = await new Promise<number | undefined>((resolve, reject) => {
    const outgoing = request(
      `${api.url}/graphql`,
      { method: 'POST', headers: { 'content-type': 'application/json', ...bearer(api.token) } },
      (incoming) => resolve(incoming.resume().statusCode),
    )
    outgoing.on('error', reject)
    outgoing.write('"')
    outgoing.write('x'.repeat(1_600_000))
    outgoing.end('"')
  })
  expect(status).toBe(413)
})

test('a Compose file of the largest size gets through', async () => {
  const text = 'x'.repeat(1_048_576)
  const answer = await api.ask(
    'mutation($input: DeployInput!) { deploy(input: $input, planOnly: true) { plan { verb } } }',
    { input: { application: 'shop', files: [{ path: 'compose.yaml', text }] } },
  )
  expect(answer).toEqual({ data: { deploy: { plan: { verb: 'deploy' } } } })
})

test('uploads are kept by digest, for operators of the project', async () => {
  const put = (token: string, query = ''): Promise<Response> =>
    fetch(`${api.url}/uploads${query}`, { method: 'PUT', headers: bearer(token), body: 'hello' })
  const kept = await put(api.token)
  const { digest } = (await kept.json()) as { digest: string }
  expect(digest).toBe('sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824')
  const has = async (name: string): Promise<number> =>
    (await fetch(`${api.url}/uploads/${name}`, { method: 'HEAD', headers: bearer(api.token) }))
      .status
  expect(await has(digest)).toBe(200)
  expect(await has(`sha256:${'0'.repeat(64)}`)).toBe(404)
  expect(await has('..%2F..%2Fetc%2Fpasswd')).toBe(404)
  const viewer = await api.kernel.addUser('vera', 'viewer')
  expect(await codeOf(await put(viewer))).toBe('PermissionDenied')
  expect(await codeOf(await put(api.token, '?project=nowhere'))).toBe('NotFound')
  const nobody = await fetch(`${api.url}/uploads`, { method: 'PUT', body: 'x' })
  expect(await codeOf(nobody)).toBe('Unauthenticated')
})

test('an upload that announces too much is refused before it comes', async () => {
  const answer = await new Promise<{ status: number | undefined }>((resolve, reject) => {
    const headers = { ...bearer(api.token), 'content-length': String(600 * 1024 * 1024) }
    const outgoing = request(`${api.url}/uploads`, { method: 'PUT', headers }, (incoming) => {
      incoming.resume()
      resolve({ status: incoming.statusCode })
      outgoing.destroy()
    })
    outgoing.on('error', reject)
    outgoing.flushHeaders()
  })
  expect(answer.status).toBe(413)
})

test('beyond loopback it does not listen without TLS', async () => {
  const deps = {
    kernel: api.kernel,
    logger: silentLogger,
    clock: systemClock,
    version: '0',
    port: 0,
  }
  for (const address of ['0.0.0.0', '::', '192.0.2.1', 'example.com']) {
    const server = createApiServer({ ...deps, address })
    await expect(server.listen()).rejects.toMatchObject({
      code: 'FailedPrecondition',
      path: 'address',
    })
    await server.close()
  }
  const taken = createApiServer({
    ...deps,
    address: '127.0.0.1',
    port: Number(new URL(api.url).port),
  })
  await expect(taken.listen()).rejects.toMatchObject({ code: 'AlreadyExists', path: 'port' })
})

test('with TLS it speaks HTTP/2 and HTTP/1.1 on one port, streams too, and takes a new certificate', async () => {
  const root = await CertificateAuthority.createRoot('test', systemClock)
  const authority = await CertificateAuthority.open({
    installationUid: 'test',
    root,
    clock: systemClock,
  })
  const identity = async (): Promise<{ certificate: string; key: string }> => {
    const { certificatePem, privateKeyPem } = await authority.issueForServer(['127.0.0.1'])
    return { certificate: certificatePem, key: privateKeyPem }
  }
  const deps = {
    kernel: api.kernel,
    logger: silentLogger,
    clock: systemClock,
    version: '0',
    port: 0,
  }
  await using stack = new AsyncDisposableStack()
  const server = createApiServer({ ...deps, address: '127.0.0.1', tls: await identity() })
  stack.defer(() => server.close())
  const { url } = await server.listen()
  const serials: string[] = []
  for (let round = 0; round < 2; round += 1) {
    const status = await new Promise((resolve, reject) => {
      const options = { ca: authority.caPem, agent: false as const }
      const outgoing = secureRequest(`${url}/healthz`, options, (incoming) => {
        serials.push(
          'getPeerCertificate' in incoming.socket
            ? (incoming.socket as TLSSocket).getPeerCertificate().serialNumber
            : '',
        )
        resolve(incoming.resume().statusCode)
      })
      outgoing.on('error', reject)
      outgoing.end()
    })
    expect(status).toBe(200)
    server.renewCertificate(await identity())
  }
  expect(new Set(serials).size).toBe(2)
  const session = connectHttp2(url, { ca: authority.caPem })
  stack.defer(() => session.destroy())
  const stream = session.request({
    ':method': 'POST',
    ':path': '/graphql',
    'content-type': 'application/json',
    accept: 'text/event-stream',
    ...bearer(api.token),
  })
  stream.end(
    JSON.stringify({ query: 'subscription { objects(kinds: [Project]) { object { name } } }' }),
  )
  let text = ''
  for await (const chunk of stream) {
    text += String(chunk)
    if (text === ':\n\n')
      await api.ask('mutation { createProject(input: { name: "h2" }) { plan { verb } } }')
    if (text.includes('"h2"')) break
  }
  expect(text).toContain('data: {"data":{"objects":{"object":{"name":"h2"}}}}')
})
