import { spawn } from 'node:child_process'
import { rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { join } from 'node:path'
import type { DriverHost } from '@polis/hal/driver'
import type { OrchestratorPort, TaskSpec } from '@polis/hal/orchestrator'
import { orchestratorConformance } from '@polis/hal/orchestrator/conformance'
import type { OrchestratorExam } from '@polis/hal/orchestrator/exam'
import { newUid } from '@polis/lib/uid'
import { until } from '@polis/lib/until'
import { openTestDriverHost } from '@polis/test/driver-host'
import { loadExamImage } from '@polis/test/rig/exam-image'
import type { RigServer } from '@polis/test/rig/server'
import { useServer } from '@polis/test/rig/suite'
import type { DyingCall } from './dying-caller.ts'
import { openTestDevice } from './test-device.ts'

const server = useServer()

/** Docker's socket through a door that kills `victim` when Docker answers the creation of a service. */
async function openDeadlyDoor(path: string, target: string, kill: () => void): Promise<() => void> {
  const door = createServer((inside) => {
    const outside = connect(target)
    let isCreation = false
    inside.on('data', (bytes) => {
      isCreation ||= bytes.toString('latin1').includes('/services/create')
      outside.write(bytes)
    })
    outside.on('data', (bytes) => {
      if (isCreation) kill()
      else inside.write(bytes)
    })
    for (const end of [inside, outside]) {
      end.on('error', () => undefined)
      end.on('close', () => [inside, outside].forEach((each) => each.destroy()))
    }
  })
  await new Promise<void>((resolve) => door.listen(path, resolve))
  return () => {
    door.close()
    rmSync(path, { force: true })
  }
}

class SwarmExam implements OrchestratorExam {
  readonly imageName = 'polis/exam'
  readonly image: string
  readonly port: OrchestratorPort
  readonly #server: RigServer
  readonly #host: DriverHost & AsyncDisposable

  constructor(rig: RigServer, host: DriverHost & AsyncDisposable, image: string) {
    this.#server = rig
    this.#host = host
    this.image = image
    this.port = this.reopen()
  }

  static async open(rig: RigServer): Promise<SwarmExam> {
    return new SwarmExam(rig, await openTestDriverHost(), await loadExamImage(rig))
  }

  reopen(): OrchestratorPort {
    return openTestDevice(this.#server, this.#host)
  }

  async ensureTaskAndDie(spec: TaskSpec): Promise<void> {
    const { dockerSocketPath, containerdSocketPath, folder } = this.#server
    const door = join(folder, 'door.sock')
    const caller = spawn(process.execPath, [join(import.meta.dirname, 'dying-caller.ts')], {
      stdio: ['pipe', 'inherit', 'inherit'],
    })
    const ended = new Promise<string | null>((resolve) => {
      caller.once('exit', (_code, signal) => resolve(signal))
    })
    const close = await openDeadlyDoor(door, dockerSocketPath, () => caller.kill('SIGKILL'))
    try {
      const call: DyingCall = {
        dockerSocketPath: door,
        containerdSocketPath,
        installationUid: this.#host.installationUid,
        spec,
      }
      caller.stdin?.end(JSON.stringify(call))
      if ((await ended) !== 'SIGKILL') throw new Error('the caller ended before it could be killed')
    } finally {
      close()
    }
  }

  async fetch(address: string): Promise<string> {
    const ask = `process.stdout.write(await (await fetch('http://${address}:8080/', { signal: AbortSignal.timeout(2000) })).text())`
    const args = ['--input-type=module', '--eval', ask]
    return (await this.#server.exec(process.execPath, args)).stdout
  }

  async lookUp(uid: string, name: string): Promise<readonly string[]> {
    const output = await this.#inside(uid, 'nslookup', name)
    const [, answer = ''] = output?.split(/^Name:.*$/m) ?? []
    return [...answer.matchAll(/^Address(?: \d+)?:\s*([\d.]+)/gm)].map(([, found = '']) => found)
  }

  readInside(uid: string, path: string): Promise<string | undefined> {
    return this.#inside(uid, 'cat', path)
  }

  newFolder(): string {
    return `/run/exam-${newUid()}`
  }

  async makeFolder(path: string): Promise<void> {
    await this.#server.exec('mkdir', ['-p', path])
  }

  async mountFile(path: string, name: string, content: string): Promise<void> {
    await this.#server.exec('mkdir', ['-p', path])
    await this.#server.exec('mount', ['-t', 'tmpfs', 'tmpfs', path])
    await this.#server.exec('tee', [join(path, name)], { input: content })
  }

  async addForeign(): Promise<void> {
    await this.#docker('network', 'create', '--driver', 'overlay', 'p-foreign')
    const args = ['--detach', '--network', 'p-foreign', '--label', 'polis.installation=other']
    const image = ['--no-resolve-image', this.image, '/bin/serve']
    await this.#docker('service', 'create', '--name', 'p-foreign', ...args, ...image)
    const isUp = async (): Promise<boolean> => (await this.describeForeign()).includes('true')
    await until(isUp, { deadlineMs: 30_000, what: 'the foreign service runs' })
  }

  async describeForeign(): Promise<string> {
    const filter = ['--filter', 'label=com.docker.swarm.service.name=p-foreign']
    const ids = (await this.#docker('ps', '--all', '--quiet', ...filter)).trim().split('\n')
    const format = '{{.Id}} {{.State.Running}} {{.State.StartedAt}}'
    const containers = await this.#docker('inspect', '--format', format, ...ids)
    const shared = ['p-foreign', 'docker_gwbridge', 'ingress']
    const things = await this.#docker('inspect', '--format', '{{.ID}}', ...shared)
    return `${containers}${things}${await this.#docker('info', '--format', '{{.Swarm.NodeID}}')}`
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#host[Symbol.asyncDispose]()
  }

  async #docker(...args: readonly string[]): Promise<string> {
    return (await this.#server.exec('docker', args)).stdout
  }

  /** What a program in the task's container writes; undefined when it fails. */
  async #inside(uid: string, ...command: readonly string[]): Promise<string | undefined> {
    const running = await this.#docker('ps', '--quiet', '--filter', `label=polis.task=${uid}`)
    try {
      return await this.#docker('exec', running.trim(), ...command)
    } catch {
      return undefined
    }
  }
}

orchestratorConformance(() => SwarmExam.open(server))
