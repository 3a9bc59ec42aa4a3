/**
 * A *server* for tests: its own network, host name, /run, /etc, /var, containerd and dockerd, on this machine.
 *
 * In a suite (one server a file; started before the first test, removed after the last, also when tests fail):
 *
 *     import { useServer } from '@polis/test/rig/suite'
 *
 *     const server = useServer()                          // or useServers(3)
 *
 *     it('runs', async () => {
 *       const docker = new DockerClient({ socketPath: server.dockerSocketPath })   // valid in this process and inside
 *       await server.exec('docker', ['run', '-d', 'polis/debian:12', 'sleep', '60'])  // runs inside, to its end
 *       const program = server.spawn('haproxy', ['-db', '-f', '/etc/haproxy/x.cfg'])  // runs inside, until stop()
 *       await fetch(`http://${server.address}:8080`)       // from the outside, which the server sees as server.hostAddress
 *       await program.end('SIGTERM')                       // also: program.pid, .output(), .ended
 *       await server.killDocker('SIGKILL')
 *       await server.startDocker()
 *     })
 *
 * Images come from `loadStockImages(server, ['debian'])` of './images.ts', other programs from `requireEngines(['haproxy'])`
 * of './engines.ts', which fails with the Debian package's name.
 *
 * Inside, sockets and folders are where a server has them: /run/docker.sock, /run/containerd/containerd.sock,
 * /var/lib/docker, /etc/docker/certs.d. What is written to /etc, /var and /run stays the server's own; the rest of the
 * file system, /tmp too, is the machine's. Process ids are the same inside and outside. From the outside a file of the
 * server is `server.path('/run/x')`. Servers reach each other at their addresses.
 * `powerOff()` and `powerOn()` are a pulled plug: processes, network and /run go, disks stay.
 * `unplug()` and `plug()` cut its network off and join it again.
 */
import { mkdirSync, readlinkSync, rmSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { PolisError } from '@polis/lib/error'
import { run, type RunResult } from '@polis/lib/run'
import { newUid } from '@polis/lib/uid'
import { until } from '@polis/lib/until'
import {
  folderOf,
  listLeftovers,
  removeServer,
  sweepAbandoned,
  switchOff,
  writeClaim,
} from './cleanup.ts'
import { requireEngines } from './engines.ts'
import { mountFileSystem, prepareFolders } from './file-system.ts'
import { claimNetwork, connectServer, setCable, type ServerNetwork } from './network.ts'
import { accepts, ping } from './probes.ts'
import { MARK } from './processes.ts'
import { SpawnedProgram, type SpawnOptions } from './spawned.ts'

export interface RigServerOptions {
  /** False for a server without engines; default true. */
  readonly hasDocker?: boolean
  /** More arguments for dockerd. */
  readonly dockerdArgs?: readonly string[]
}

export interface ExecOptions {
  readonly signal?: AbortSignal
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
}

const START_MS = 60_000
const PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'

export class RigServer {
  /** Also its host name, network namespace and cgroup. */
  readonly name = `polis-${newUid().slice(0, 8)}`
  /** On the machine's disk, the same path inside and outside. */
  readonly folder = folderOf(this.name)
  /** A path that stays true over restarts of the engine and of the server. */
  readonly dockerSocketPath = join(this.folder, 'docker.sock')
  /** As `dockerSocketPath`. */
  readonly containerdSocketPath = join(this.folder, 'containerd.sock')
  readonly #options: RigServerOptions
  #network: ServerNetwork | undefined
  /** Does nothing but keep the namespaces alive. */
  #keeper: SpawnedProgram | undefined
  #containerd: SpawnedProgram | undefined
  #dockerd: SpawnedProgram | undefined
  #spawnCount = 0

  constructor(options: RigServerOptions = {}) {
    this.#options = options
  }

  /** IPv4 address, reachable from this process, from other servers and from its own containers. */
  get address(): string {
    return this.#requireNetwork().address
  }

  /** This process as the server sees it. */
  get hostAddress(): string {
    return this.#requireNetwork().hostAddress
  }

  get dockerdPid(): number {
    if (this.#dockerd === undefined) throw new PolisError('FailedPrecondition', 'no dockerd runs')
    return this.#dockerd.pid
  }

  /** Pid of a process that lives in the server's namespaces as long as it is on: a target for nsenter. */
  get keeperPid(): number {
    if (this.#keeper === undefined) {
      throw new PolisError('FailedPrecondition', `server ${this.name} is off`)
    }
    return this.#keeper.pid
  }

  /** Engines serve when this resolves. What it made until it failed is taken away again. */
  async start(signal: AbortSignal = AbortSignal.timeout(START_MS)): Promise<void> {
    requireEngines(['ip', 'iptables', 'nsenter', 'unshare'])
    if (this.#options.hasDocker !== false) requireEngines(['containerd', 'dockerd', 'runc'])
    await sweepAbandoned(signal)
    try {
      this.#network = await claimNetwork(signal)
      writeClaim(this.name, this.#network.index)
      prepareFolders(this.folder, this.name)
      await this.powerOn(signal)
    } catch (cause) {
      await this.stop()
      throw cause
    }
  }

  /** Removes all processes, mounts, networks, rules, cgroups and folders of the server; safe to repeat. */
  async stop(signal: AbortSignal = AbortSignal.timeout(START_MS)): Promise<void> {
    await removeServer(this.name, signal)
    this.#forgetPrograms()
  }

  /** Throws Internal, listing them, when anything of a stopped server is left on this machine. */
  async assertClean(signal: AbortSignal = AbortSignal.timeout(START_MS)): Promise<void> {
    const leftovers = await listLeftovers(this.name, this.#network, signal)
    if (leftovers.length === 0) return
    throw new PolisError('Internal', `left of server ${this.name}:\n${leftovers.join('\n')}`)
  }

  /** All processes and the network are gone at once, as in a power cut; disks stay. */
  async powerOff(signal: AbortSignal = AbortSignal.timeout(START_MS)): Promise<void> {
    await switchOff(this.name, signal)
    this.#forgetPrograms()
  }

  /** Boots with the same disks and the same address; programs that a test spawned are for the test to spawn again. */
  async powerOn(signal: AbortSignal = AbortSignal.timeout(START_MS)): Promise<void> {
    await connectServer(this.name, this.#requireNetwork(), signal)
    const namespaces = ['--mount', '--uts', '--propagation', 'private']
    const keep = ['unshare', ...namespaces, 'sleep', 'infinity']
    const net = `--net=/run/netns/${this.name}`
    const keeper = new SpawnedProgram(
      'nsenter',
      [net, ...keep],
      this.#logPath('keeper'),
      this.#env(),
    )
    const hasOwnMounts = (): boolean =>
      readlinkSync(`/proc/${keeper.pid}/ns/mnt`) !== readlinkSync('/proc/self/ns/mnt')
    await until(hasOwnMounts, { deadlineMs: 5000, everyMs: 5, signal, what: 'enter namespaces' })
    await mountFileSystem(this.folder, keeper.pid, this.name, signal)
    this.#keeper = keeper
    this.#link(this.dockerSocketPath, '/run/docker.sock')
    this.#link(this.containerdSocketPath, '/run/containerd/containerd.sock')
    if (this.#options.hasDocker === false) return
    await this.startContainerd(signal)
    await this.startDocker(signal)
  }

  async unplug(signal: AbortSignal = AbortSignal.timeout(START_MS)): Promise<void> {
    await setCable(this.#requireNetwork(), false, signal)
  }

  async plug(signal: AbortSignal = AbortSignal.timeout(START_MS)): Promise<void> {
    await setCable(this.#requireNetwork(), true, signal)
  }

  /** The server's file as this process can open it; true until the server is switched off. */
  path(absolutePath: string): string {
    return join('/proc', String(this.keeperPid), 'root', absolutePath)
  }

  /** What stands before a program's name to run it inside the server: for code under test that takes such a prefix. */
  get enterCommand(): readonly string[] {
    const target = ['--target', String(this.keeperPid)]
    return ['nsenter', ...target, '--mount', '--uts', '--net']
  }

  /** Runs a program inside to its end; throws as `run` of lib does. */
  async exec(
    program: string,
    args: readonly string[] = [],
    options: ExecOptions = {},
  ): Promise<RunResult> {
    const { signal = AbortSignal.timeout(START_MS), input, env } = options
    const [enter = '', ...enterArgs] = this.enterCommand
    return run(enter, [...enterArgs, program, ...args], {
      signal,
      env: { ...this.#env(), ...env },
      ...(input === undefined ? {} : { input }),
    })
  }

  /** Starts a program inside that runs until it, or the server, is ended. Its pid is the program's own. */
  spawn(program: string, args: readonly string[] = [], options: SpawnOptions = {}): SpawnedProgram {
    this.#spawnCount += 1
    const [enter = '', ...enterArgs] = this.enterCommand
    const logPath = this.#logPath(`${program.replaceAll('/', '_')}.${this.#spawnCount}`)
    const env = { ...this.#env(), ...options.env }
    return new SpawnedProgram(enter, [...enterArgs, program, ...args], logPath, env)
  }

  async startContainerd(signal: AbortSignal = AbortSignal.timeout(START_MS)): Promise<void> {
    const containerd = this.spawn('containerd')
    this.#containerd = containerd
    await this.#untilReady(containerd, () => accepts(this.containerdSocketPath), signal)
  }

  /** Ends containerd; containers go on running. */
  async killContainerd(signalName: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#containerd?.end(signalName)
  }

  /** Serves when this resolves. */
  async startDocker(signal: AbortSignal = AbortSignal.timeout(START_MS)): Promise<void> {
    const dockerd = this.spawn('dockerd', [
      '--host=unix:///run/docker.sock',
      '--containerd=/run/containerd/containerd.sock',
      '--exec-opt=native.cgroupdriver=cgroupfs',
      `--cgroup-parent=/${this.name}`,
      ...(this.#options.dockerdArgs ?? []),
    ])
    this.#dockerd = dockerd
    await this.#untilReady(dockerd, () => ping(this.dockerSocketPath), signal)
  }

  /** Resolves when dockerd is gone. With SIGKILL its containers go on running; with SIGTERM it stops them. */
  async killDocker(signalName: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.#dockerd?.end(signalName)
    // What a killed dockerd leaves would keep the next from starting; systemd removes it by PIDFile= too.
    rmSync(this.path('/run/docker.pid'), { force: true })
  }

  async restartDocker(signal: AbortSignal = AbortSignal.timeout(START_MS)): Promise<void> {
    await this.killDocker('SIGTERM')
    await this.startDocker(signal)
  }

  #requireNetwork(): ServerNetwork {
    if (this.#network === undefined) {
      throw new PolisError('FailedPrecondition', `server ${this.name} has not been started`)
    }
    return this.#network
  }

  #forgetPrograms(): void {
    this.#keeper = undefined
    this.#containerd = undefined
    this.#dockerd = undefined
  }

  #env(): Record<string, string> {
    return { PATH, HOME: '/root', LANG: 'C.UTF-8', [MARK]: this.name }
  }

  #logPath(name: string): string {
    const logs = join(this.folder, 'logs')
    mkdirSync(logs, { recursive: true })
    return join(logs, `${name}.log`)
  }

  #link(linkPath: string, pathInside: string): void {
    rmSync(linkPath, { force: true })
    symlinkSync(this.path(pathInside), linkPath)
  }

  async #untilReady(
    program: SpawnedProgram,
    isReady: () => Promise<boolean>,
    signal: AbortSignal,
  ): Promise<void> {
    const isReadyOrDead = async (): Promise<boolean> => !program.isRunning || (await isReady())
    const what = `engine of ${this.name} serves`
    await until(isReadyOrDead, { deadlineMs: START_MS, everyMs: 50, signal, what })
    if (program.isRunning) return
    throw new PolisError('Unavailable', `an engine did not start:\n${program.lastWords()}`)
  }
}
