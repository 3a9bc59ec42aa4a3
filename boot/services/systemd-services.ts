import { existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '@polis/lib/run'
import type { Service, ServiceRunner, ServiceStatus } from './service.ts'

export interface SystemdServicesOptions {
  /** `polis` for the installation at the default home. */
  readonly prefix: string
  readonly homeDir: string
  readonly unitsDir?: string
}

const UNITS_DIR = '/etc/systemd/system'

/** As systemd reads it: quoted, with nothing left for it to expand. */
function quote(text: string): string {
  const escaped = text
    .replaceAll('\\', '\\\\')
    .replaceAll('"', '\\"')
    .replaceAll('%', '%%')
    .replaceAll('\n', '\\n')
  return `"${escaped}"`
}

const quoteArgument = (text: string): string => quote(text).replaceAll('$', '$$$$')

/** The text of a service's unit. What it starts itself (the edge, mounts) outlives it, hence KillMode. */
export function toUnit(service: Service, homeDir: string): string {
  const { description, program, args, env, stopTimeoutMs, build } = service
  const command = [program, ...args].map(quoteArgument).join(' ')
  return [
    `# Made by Polis for ${homeDir}; \`polis up\` writes it anew.`,
    ...(build === '' ? [] : [`# Build ${build}`]),
    '[Unit]',
    `Description=${description.replaceAll('%', '%%')}`,
    'Wants=network-online.target docker.service',
    'After=network-online.target docker.service containerd.service',
    'StartLimitIntervalSec=0',
    '',
    '[Service]',
    'Type=exec',
    ...Object.entries(env).map(([name, value]) => `Environment=${quote(`${name}=${value}`)}`),
    `ExecStart=${command}`,
    'WorkingDirectory=/',
    'Restart=always',
    'RestartSec=1',
    'KillMode=process',
    `TimeoutStopSec=${Math.ceil(stopTimeoutMs / 1000)}`,
    'LimitNOFILE=1048576',
    'TasksMax=infinity',
    'OOMScoreAdjust=-500',
    'UMask=0077',
    '',
    '[Install]',
    'WantedBy=multi-user.target',
    '',
  ].join('\n')
}

/** Units of this installation under systemd. */
export class SystemdServices implements ServiceRunner {
  readonly type = 'systemd'
  readonly #prefix: string
  readonly #homeDir: string
  readonly #unitsDir: string

  constructor({ prefix, homeDir, unitsDir = UNITS_DIR }: SystemdServicesOptions) {
    this.#prefix = prefix
    this.#homeDir = homeDir
    this.#unitsDir = unitsDir
  }

  async ensure(services: readonly Service[], signal: AbortSignal): Promise<void> {
    const wanted = new Map(services.map((service) => [this.#unitName(service.name), service]))
    for (const unit of this.#ownUnits()) {
      if (wanted.has(unit)) continue
      await this.#systemctl(['disable', '--now', unit], signal)
      rmSync(join(this.#unitsDir, unit), { force: true })
    }
    const changed = [...wanted].filter(([unit, service]) => this.#write(unit, service))
    await this.#systemctl(['daemon-reload'], signal)
    for (const [unit] of wanted) await this.#systemctl(['enable', '--now', unit], signal)
    for (const [unit, { restartsOnChange }] of changed) {
      if (restartsOnChange) await this.#systemctl(['restart', unit], signal)
    }
  }

  async list(signal: AbortSignal): Promise<readonly ServiceStatus[]> {
    const found: ServiceStatus[] = []
    for (const unit of this.#ownUnits()) {
      const args = ['show', '--property=MainPID', '--property=NRestarts', unit]
      const { stdout } = await run('systemctl', args, { signal })
      const number = (key: string): number =>
        Number(new RegExp(`^${key}=(\\d+)$`, 'm').exec(stdout)?.[1] ?? 0)
      const pid = number('MainPID')
      const name = unit.slice(this.#prefix.length + 1, -'.service'.length)
      found.push({ name, pid: pid === 0 ? undefined : pid, restarts: number('NRestarts') })
    }
    return found
  }

  /** Nothing of Polis' own looks after units. */
  async leave(): Promise<void> {}

  #unitName(name: string): string {
    return `${this.#prefix}-${name}.service`
  }

  #ownUnits(): readonly string[] {
    const first = `# Made by Polis for ${this.#homeDir};`
    return readdirSync(this.#unitsDir).filter(
      (file) =>
        file.startsWith(`${this.#prefix}-`) &&
        file.endsWith('.service') &&
        readFileSync(join(this.#unitsDir, file), 'utf8').startsWith(first),
    )
  }

  /** True when the unit was there already and says something else now. */
  #write(unit: string, service: Service): boolean {
    const path = join(this.#unitsDir, unit)
    const text = toUnit(service, this.#homeDir)
    const before = existsSync(path) ? readFileSync(path, 'utf8') : undefined
    if (before !== text) writeFileSync(path, text, { mode: 0o644 })
    return before !== undefined && before !== text
  }

  async #systemctl(args: readonly string[], signal: AbortSignal): Promise<void> {
    await run('systemctl', ['--quiet', ...args], { signal })
  }
}
