// Every honoured key of a service: what it becomes, and what it refuses.
import { describe, expect, test } from 'vitest'
import { web, webProblems } from './read-compose.fixture.ts'

test.each([
  // image and build
  ['image: nginx', { source: { type: 'image', reference: 'nginx' } }],
  ['image: "reg.test:5000/a/b_c.d:1.0"', { source: { reference: 'reg.test:5000/a/b_c.d:1.0' } }],
  [`image: "a@sha256:${'0'.repeat(64)}"`, { source: { reference: `a@sha256:${'0'.repeat(64)}` } }],
  [`image: "sha256:${'a'.repeat(64)}"`, { source: { reference: `sha256:${'a'.repeat(64)}` } }],
  ['build: .', { source: { type: 'build', contextPath: '.', dockerfile: 'Dockerfile', args: {} } }],
  ['build: ./a/../b/', { source: { contextPath: 'b' } }],
  [
    'build: {dockerfile: ./x/Dockerfile}',
    { source: { contextPath: '.', dockerfile: 'x/Dockerfile' } },
  ],
  [
    'build: {context: app, target: prod, args: [A=1, HOME, NOPE]}',
    { source: { contextPath: 'app', target: 'prod', args: { A: '1', HOME: '/root' } } },
  ],
  ['build: .\nimage: shop:1', { source: { type: 'build', imageName: 'shop:1' } }],
  // environment
  [
    'environment: [A=1, B=, "C=x=y", HOME, NOPE]',
    { environment: { A: '1', B: '', C: 'x=y', HOME: '/root' } },
  ],
  [
    'environment: {A: 1.10, B: true, C: "", D: 0o17, HOME: , NOPE: }',
    { environment: { A: '1.10', B: 'true', C: '', D: '0o17', HOME: '/root' } },
  ],
  ['environment: {B: x, A: "$$x"}', { environment: { A: '$x', B: 'x' } }],
  ['environment: ["A=two words # no comment"]', { environment: { A: 'two words # no comment' } }],
  // what the container runs as
  ['user: 1000', { user: '1000' }],
  ['user: "1000:1000"', { user: '1000:1000' }],
  ['user: www-data', { user: 'www-data' }],
  ['working_dir: /srv/../app', { workingDir: '/app' }],
  ['init: true', { init: true }],
  ['init: "false"', { init: false }],
  ['stop_signal: int', { stopSignal: 'SIGINT' }],
  ['stop_signal: SIGRTMIN+3', { stopSignal: 'SIGRTMIN+3' }],
  ['stop_signal: 15', { stopSignal: '15' }],
  ['stop_grace_period: 1m30s', { stopGracePeriodMs: 90_000 }],
  ['stop_grace_period: 0s', { stopGracePeriodMs: 0 }],
  ['labels: [a.b=c, d]', { labels: { 'a.b': 'c', d: '' } }],
  ['labels: {a: 1, b: }', { labels: { a: '1', b: '' } }],
  // restart
  ['restart: always', { restart: 'always' }],
  ['restart: unless-stopped', { restart: 'always' }],
  ['restart: on-failure', { restart: 'always' }],
  ['deploy: {restart_policy: {condition: any}}', { restart: 'always' }],
  // how many, how large
  ['scale: 2', { replicas: 2 }],
  ['deploy: {replicas: "3", mode: replicated, endpoint_mode: dnsrr}\nscale: 3', { replicas: 3 }],
  ['deploy: {replicas: 0}', { replicas: 0 }],
  [
    'deploy: {resources: {limits: {cpus: 0.5, memory: 1g, pids: 100}, reservations: {cpus: "0.25", memory: 512m}}}',
    {
      resources: {
        cpus: 0.5,
        memoryBytes: 1 << 30,
        pids: 100,
        cpusReservation: 0.25,
        memoryReservationBytes: 1 << 29,
      },
    },
  ],
  [
    'mem_limit: 1g\nmem_reservation: 512m\ncpus: 1.5\npids_limit: -1',
    { resources: { cpus: 1.5, memoryBytes: 1 << 30, memoryReservationBytes: 1 << 29 } },
  ],
  [
    'mem_limit: 1g\ndeploy: {resources: {limits: {memory: 1024m}}}',
    { resources: { memoryBytes: 1 << 30 } },
  ],
  // extensions
  ['x-mine: {anything: [goes]}', {}],
  ['deploy: {x-mine: 1}\nhealthcheck: {x-mine: 1, retries: 2}', { healthCheck: { retries: 2 } }],
])('%s', (body, expected) => {
  expect(web(body, { environment: { HOME: '/root' } })).toMatchObject(expected)
})

test('settings without a value in the environment are left out', () => {
  expect(web('environment: [A, B=]').environment).toEqual({ B: '' })
})

describe('command and entrypoint', () => {
  test.each([
    ['labels: []', {}],
    ['command: ', {}],
    ['command: null', {}],
    ['command: ""', { command: [] }],
    ['command: []', { command: [] }],
    ['command: ["a b", ""]', { command: ['a b', ''] }],
    [`command: sh -c 'echo "$$HOME"'`, { command: ['sh', '-c', 'echo "$HOME"'] }],
    ['entrypoint: /run --fast', { entrypoint: ['/run', '--fast'] }],
    ['entrypoint: ""\ncommand: [x]', { entrypoint: [], command: ['x'] }],
  ])('%s', (body, expected) => {
    const { command, entrypoint } = web(body)
    const given = { ...(command ? { command } : {}), ...(entrypoint ? { entrypoint } : {}) }
    expect(given).toEqual(expected)
  })
})

describe('healthcheck', () => {
  test.each([
    ['labels: []', { type: 'image' }],
    ['healthcheck: {}', { type: 'image' }],
    [
      'healthcheck: {test: curl -f http://localhost || exit 1}',
      { type: 'custom', test: ['CMD-SHELL', 'curl -f http://localhost || exit 1'] },
    ],
    ['healthcheck: {test: [CMD, curl, -f]}', { type: 'custom', test: ['CMD', 'curl', '-f'] }],
    ['healthcheck: {test: [CMD-SHELL, a b]}', { type: 'custom', test: ['CMD-SHELL', 'a b'] }],
    ['healthcheck: {test: [NONE]}', { type: 'disabled' }],
    ['healthcheck: {disable: true}', { type: 'disabled' }],
    ['healthcheck: {disable: false}', { type: 'image' }],
    [
      'healthcheck: {interval: 1m30s, timeout: 10s, retries: 3, start_period: 40s}',
      {
        type: 'custom',
        test: [],
        intervalMs: 90_000,
        timeoutMs: 10_000,
        retries: 3,
        startPeriodMs: 40_000,
      },
    ],
    [
      'healthcheck: {test: a, retries: 0, interval: 0s}',
      { type: 'custom', test: ['CMD-SHELL', 'a'] },
    ],
  ])('%s', (body, expected) => {
    expect(web(body).healthCheck).toEqual(expected)
  })
})

test.each([
  ['image: ""', 'image: must not be empty'],
  ['image: Nginx', 'image: "Nginx" is not an image reference'],
  ['image: "a b"', 'image: "a b" is not an image reference'],
  ['image: ../a', 'image: "../a" is not an image reference'],
  [`image: ${'a'.repeat(600)}`, `image: "${'a'.repeat(60)}…" is not an image reference`],
  ['image: 5', 'image: must be text'],
  ['build: ../up', 'build: "../up" lies outside the folder of the Compose file'],
  ['build: a/../../up', 'build: "a/../../up" lies outside the folder of the Compose file'],
  ['build: /abs', 'build: "/abs" lies outside the folder of the Compose file'],
  [
    'build: https://x.test/a.git',
    'build: "https://x.test/a.git" is not a path: only folders that come along can be built',
  ],
  [
    'build: git@x.test:a.git',
    'build: "git@x.test:a.git" is not a path: only folders that come along can be built',
  ],
  ['build: {dockerfile: ../D}', 'build.dockerfile: "../D" lies outside the build context'],
  ['build: {contxt: .}', 'build.contxt: unknown key "contxt"'],
  ['build: {ssh: [default]}', 'build.ssh: ssh is not supported'],
  ['command: a && b', 'command: the command holds &, which only a shell understands'],
  ['command: "a \'b"', "command: the command cannot be split into words: unbalanced '"],
  ['command: [1]', 'command[0]: must be text'],
  ['command: {a: b}', 'command: must be text'],
  ['environment: [A=1, A=2]', 'environment[1]: A is there twice'],
  [
    'environment: ["=x"]',
    'environment[0]: this is no name: names are not empty and hold neither spaces nor =',
  ],
  [
    'environment: ["A B=x"]',
    'environment[0]: this is no name: names are not empty and hold neither spaces nor =',
  ],
  ['environment: {A: [1]}', 'environment.A: must be text, a number or a boolean'],
  ['environment: {SERVICE_BINDING_ROOT: /x}', 'environment: SERVICE_BINDING_ROOT is set by Polis'],
  ['environment: {A: "${B:?give B}"}', 'environment.A: required variable B is not set: give B'],
  ['environment: {A: "${B"}', 'environment.A: the variable at character 1 is not closed with }'],
  [
    'labels: {com.docker.compose.x: 1}',
    'labels.com.docker.compose.x: labels that begin with com.docker.compose. are reserved',
  ],
  [
    'healthcheck: {test: [curl]}',
    'healthcheck.test: a test list is ["CMD", program, …], ["CMD-SHELL", line] or ["NONE"]',
  ],
  [
    'healthcheck: {test: a, disable: true}',
    'healthcheck: disable: true and a test contradict each other',
  ],
  ['healthcheck: {interval: 30}', 'healthcheck.interval: "30" is not a duration'],
  [
    'healthcheck: {start_interval: 1s}',
    'healthcheck.start_interval: start_interval is not supported',
  ],
  ['deploy: {replicas: -1}', 'deploy.replicas: must be a whole number from 0 to 1000, not "-1"'],
  ['deploy: {replicas: 1.5}', 'deploy.replicas: must be a whole number from 0 to 1000, not "1.5"'],
  ['deploy: {replicas: 2}\nscale: 3', 'scale: scale says 3 and deploy.replicas 2'],
  ['deploy: {mode: global}', 'deploy.mode: mode "global" is not supported'],
  [
    'deploy: {update_config: {order: stop-first}}',
    'deploy.update_config: update_config is not supported',
  ],
  [
    'deploy: {resources: {limits: {memory: 1m}}}',
    'deploy.resources.limits.memory: a container needs at least 6m of memory',
  ],
  [
    'deploy: {resources: {limits: {memory: lots}}}',
    'deploy.resources.limits.memory: "lots" is not a size',
  ],
  [
    'deploy: {resources: {limits: {cpus: 50%}}}',
    'deploy.resources.limits.cpus: "50%" is not a number of cores',
  ],
  [
    'deploy: {resources: {limits: {memory: 1g}, reservations: {memory: 2g}}}',
    'deploy.resources.reservations.memory: more memory is reserved than the limit allows',
  ],
  [
    'mem_limit: 1g\ndeploy: {resources: {limits: {memory: 2g}}}',
    'mem_limit: this and services.web.deploy.resources.limits.memory say different things',
  ],
  ['restart: "no"', 'restart: tasks that run once are not supported: services are kept running'],
  ['restart: no', 'restart: tasks that run once are not supported: services are kept running'],
  ['restart: on-failure:3', 'restart: a limit of restarts is not supported'],
  [
    'restart: sometimes',
    'restart: must be one of always, unless-stopped, on-failure, no, not "sometimes"',
  ],
  [
    'deploy: {restart_policy: {condition: none}}',
    'deploy.restart_policy.condition: tasks that run once are not supported: services are kept running',
  ],
  ['user: "a b"', 'user: "a b" is not a user'],
  ['working_dir: app', 'working_dir: the working directory must be an absolute path'],
  ['init: maybe', 'init: must be true or false'],
  ['stop_signal: SIGNOPE', 'stop_signal: "SIGNOPE" is not a signal'],
  ['stop_grace_period: soon', 'stop_grace_period: "soon" is not a duration'],
  ['privileged: true', 'privileged: privileged is not supported'],
  ['x-polis: {domain: [a.test]}', 'x-polis.domain: unknown key "domain"'],
  ['deploy: {x-polis: {}}', 'deploy.x-polis: x-polis belongs on a service'],
])('%s is refused', (body, problem) => {
  expect(webProblems(body)).toEqual([problem])
})
