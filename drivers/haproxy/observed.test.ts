// The texts are what HAProxy 2.6 answered.
import { expect, test } from 'vitest'
import {
  countUnderWay,
  parseCertificates,
  parseGatewaySessions,
  parseMap,
  parseServers,
  parseShapeHash,
  parseWorkers,
} from './observed.ts'

test('workers, current and replaced', () => {
  const text =
    '#<PID>          <type>          <reloads>       <uptime>        <version>      \n3961            master          1 [failed: 0]   0d00h00m02s     2.6.12-1+deb12u4\n# workers\n4286            worker          0               0d00h00m01s     2.6.12-1+deb12u4\n# old workers\n4005            worker          1               0d00h00m02s     2.6.12-1+deb12u4\n# programs\n\n'
  expect(parseWorkers(text)).toEqual({ masterPid: 3961, workerPid: 4286, oldPids: [4005] })
  expect(parseWorkers('')).toEqual({ masterPid: undefined, workerPid: undefined, oldPids: [] })
})

test('servers, in use and in maintenance', () => {
  const text =
    '1\n# be_id be_name srv_id srv_name srv_addr srv_op_state srv_admin_state srv_uweight\n4 http_1 1 t1_x 127.0.9.2 2 0 1 1 0 1 0 0 0 0 0 0 - 8000 - 0 0 - - 0\n4 http_1 2 t2_x 127.0.9.2 0 1 1 1 0 1 0 0 0 0 0 0 - 8000 - 0 0 - - 0\n\n'
  expect(parseServers(text)).toEqual([
    { backend: 'http_1', name: 't1_x', isInUse: true },
    { backend: 'http_1', name: 't2_x', isInUse: false },
  ])
})

test('maps in their order, and nothing of an error', () => {
  const text = '0x7fa60004bf30 .x.b.test be0002\n0x7fa60004c020 .b.test be0003\n\n'
  expect(parseMap(text)).toEqual([
    ['.x.b.test', 'be0002'],
    ['.b.test', 'be0003'],
  ])
  expect(parseMap('Unknown map identifier. Please use #<id> or <file>.\n')).toEqual([])
})

test('certificates by their file', () => {
  const text =
    '# /d/live/certificates.list\n/d/live/tls/_.b.test-0f.pem *.b.test\n/d/live/tls/a.test-1e.pem:1 a.test\n\n'
  expect([...parseCertificates(text)]).toEqual([
    ['_.b.test-0f.pem', '*.b.test'],
    ['a.test-1e.pem', 'a.test'],
  ])
})

test('sessions of the gateway and of nothing else', () => {
  const text =
    '0x558e3621bb60: proto=tcpv4 src=127.0.9.7:50847 fe=gateway_5432 be=gateway_5432 srv=t1 ts=00\n0x558e3621bb70: proto=tcpv6 src=fd00::1:50848 fe=gateway_5432 be=gateway_5432 srv=t1 ts=00\n0x558e3621bb80: proto=tcpv4 src=127.0.9.7:1 fe=http be=http_1 srv=t1 ts=00\n0x558e361b2c40: proto=unix_stream src=unix:1 fe=GLOBAL be=<NONE> srv=<none> ts=00\n\n'
  expect(parseGatewaySessions(text)).toEqual([
    { id: '0x558e3621bb60', frontend: 'gateway_5432', source: '127.0.9.7' },
    { id: '0x558e3621bb70', frontend: 'gateway_5432', source: 'fd00::1' },
  ])
})

test('what is under way to a task, queued or not, but not through the gateway', () => {
  const text = [
    '# pxname,svname,qcur,qmax,scur,smax,slim',
    'http_1,t_1_10.0.0.1_80,1,0,2,0,',
    'port_0.0.0.0_80,t_1_10.0.0.1_80,0,0,4,0,',
    'http_1,t_10_10.0.0.1_80,0,0,8,0,',
    'gateway_5,t_1_10.0.0.1_80,0,0,16,0,',
  ].join('\n')
  expect(countUnderWay(text, 't_1_')).toBe(7)
})

test('an edge of ours by its description', () => {
  expect(parseShapeHash('Name: HAProxy\nnode: x\ndescription: polis-edge 0123abc\nPid: 1\n')).toBe(
    '0123abc',
  )
  expect(parseShapeHash('Name: HAProxy\ndescription: \n')).toBeUndefined()
})
