import fc from 'fast-check'
import { expect, test } from 'vitest'
import { problemsOf, web, webProblems } from './read-compose.fixture.ts'

/** `address:published:target`, as short as the default address allows. */
function opened(body: string): readonly string[] {
  return web(body).ports.map(
    ({ address, publishedPort, targetPort }) => `${address}|${publishedPort ?? ''}|${targetPort}`,
  )
}

test.each([
  ['["3000"]', ['0.0.0.0||3000']],
  ['[3000]', ['0.0.0.0||3000']],
  ['["3000-3002"]', ['0.0.0.0||3000', '0.0.0.0||3001', '0.0.0.0||3002']],
  ['["8000:80"]', ['0.0.0.0|8000|80']],
  ['[22:22]', ['0.0.0.0|22|22']],
  ['["9090-9091:8080-8081"]', ['0.0.0.0|9090|8080', '0.0.0.0|9091|8081']],
  ['["127.0.0.1:8001:8001"]', ['127.0.0.1|8001|8001']],
  ['["127.0.0.1:5000-5001:6000-6001"]', ['127.0.0.1|5000|6000', '127.0.0.1|5001|6001']],
  ['["127.0.0.1::80"]', ['127.0.0.1||80']],
  ['[":80"]', ['0.0.0.0||80']],
  ['["0:80"]', ['0.0.0.0||80']],
  ['["6060:6060/tcp"]', ['0.0.0.0|6060|6060']],
  ['["6060:6060/TCP"]', ['0.0.0.0|6060|6060']],
  ['["[::1]:6001:6001"]', ['::1|6001|6001']],
  ['["[0:0::0:1]:6001:6001"]', ['::1|6001|6001']],
  ['["[::]:6001:6001"]', ['::|6001|6001']],
  ['[{target: 80}]', ['0.0.0.0||80']],
  [
    '[{target: 80, published: "8080", host_ip: 127.0.0.1, protocol: tcp, mode: ingress}]',
    ['127.0.0.1|8080|80'],
  ],
  ['[{target: 80, published: 8080, host_ip: "::1"}]', ['::1|8080|80']],
  ['["${PORT:-8080}:80"]', ['0.0.0.0|8080|80']],
  ['["1:1", "65535:65535"]', ['0.0.0.0|1|1', '0.0.0.0|65535|65535']],
])('ports: %s', (list, expected) => {
  expect(opened(`ports: ${list}`)).toEqual(expected)
})

test('a port keeps its name', () => {
  expect(web('ports: [{target: 80, name: web}]').ports).toMatchObject([{ name: 'web' }])
})

test.each([
  ['expose: ["3000", 8000, "9000-9002", 3000/tcp]', [3000, 8000, 9000, 9001, 9002]],
  ['expose: []', []],
])('%s', (body, expected) => {
  expect(web(body).exposedPorts.map(({ port }) => port)).toEqual(expected)
})

test.each([
  ['["53:53/udp"]', 'udp ports are not supported'],
  ['[{target: 53, protocol: udp}]', 'udp ports are not supported'],
  ['["80/icmp"]', '"icmp" is not a protocol'],
  ['["0"]', '"0" is not a port from 1 to 65535'],
  ['["65536"]', '"65536" is not a port from 1 to 65535'],
  ['["80:65536"]', '"65536" is not a port from 1 to 65535'],
  ['["http:80"]', '"http" is not a port from 1 to 65535'],
  ['["80:"]', '"80:" is not a port'],
  ['[""]', '"" is not a port'],
  ['["1:2:3:4"]', '"1:2:3:4" is not a port'],
  ['["127.0.0.1:80"]', '"127.0.0.1" is not a port from 1 to 65535'],
  ['["localhost:80:80"]', '"localhost" is not an IP address'],
  ['["256.0.0.1:80:80"]', '"256.0.0.1" is not an IP address'],
  ['["[::g]:80:80"]', '"::g" is not an IP address'],
  ['["3002-3000"]', 'the range 3002-3000 runs backwards'],
  ['["1-65535"]', 'the range 1-65535 is longer than 1000 ports'],
  ['["8000-8010:80"]', 'a range of published ports for one target is not supported'],
  ['["8000-8001:80-82"]', 'the two ranges must have the same length'],
  ['[80.5]', '"80.5" is not a port from 1 to 65535'],
  ['[{published: 80}]', 'target is missing'],
  ['[{target: 80, mode: host}]', 'mode: host is not supported'],
  ['[{target: 80, app_protocol: http}]', 'app_protocol is not supported'],
  ['[{target: 80, publish: 80}]', 'unknown key "publish"'],
  ['["80:80", "80:81"]', 'port 80 of 0.0.0.0 is opened by web already'],
  ['["80:80", "127.0.0.1:80:81"]', 'port 80 of 127.0.0.1 is opened by web already'],
  ['["127.0.0.1:80:81", "80:80"]', 'port 80 of 127.0.0.1 is opened by web already'],
])('ports: %s is refused', (list, message) => {
  expect(webProblems(`ports: ${list}`).map((each) => each.replace(/^[^:]*: /, ''))).toEqual([
    message,
  ])
})

test.each([['"80:80", "[::]:80:80"'], ['"127.0.0.1:80:80", "127.0.0.2:80:80"'], ['"80", "80"']])(
  'ports: [%s] go together',
  (list) => {
    expect(webProblems(`ports: [${list}]`)).toEqual([])
  },
)

test('two services cannot open one port', () => {
  const text = 'services: {a: {image: x, ports: ["80:1"]}, b: {image: x, ports: ["80:2"]}}'
  expect(problemsOf(text)).toMatchObject([
    { code: 'AlreadyExists', path: 'services.b.ports[0]', message: /opened by a already/ },
  ])
})

test('udp says why', () => {
  const [problem] = problemsOf('services: {a: {image: x, ports: ["53:53/udp"]}}')
  expect(problem?.code).toBe('Unimplemented')
  expect(problem?.hint).toMatch(/only TCP/)
})

test('too many ports are refused before they are counted one by one', () => {
  const list = Array.from(
    { length: 3 },
    (_, index) => `"${index * 1000 + 1}-${index * 1000 + 900}"`,
  )
  expect(webProblems(`ports: [${list.join(',')}]`)).toEqual([
    'ports: these are 2700 ports; at most 1000 can be opened',
  ])
})

test('short and long form say the same', () => {
  const port = fc.integer({ min: 1, max: 65535 })
  fc.assert(
    fc.property(fc.ipV4(), port, port, (address, published, target) => {
      const short = opened(`ports: ["${address}:${published}:${target}"]`)
      const long = opened(
        `ports: [{host_ip: ${address}, published: ${published}, target: ${target}}]`,
      )
      expect(short).toEqual([`${address}|${published}|${target}`])
      expect(long).toEqual(short)
    }),
  )
})

test('an IPv6 address has one spelling', () => {
  fc.assert(
    fc.property(fc.ipV6(), (address) => {
      const [first] = web(`ports: ["[${address}]:80:80"]`).ports
      const [again] = web(`ports: ["[${first?.address ?? ''}]:80:80"]`).ports
      expect(again).toEqual(first)
    }),
  )
})
