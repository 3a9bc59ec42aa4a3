// What a server sees as its file system: the machine's own, with /run, /etc and /var to itself.
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { run } from '@polis/lib/run'

/** Folders whose content an engine mounts over: they must not lie on an overlay themselves. */
const REAL_FOLDERS = ['/var/lib/docker', '/var/lib/containerd', '/var/lib/polis']

const CONTAINERD_CONFIG = `version = 2
disabled_plugins = ["io.containerd.grpc.v1.cri"]
`

const isLoopback = (line: string): boolean => /^nameserver\s+(?:127\.|::1)/.test(line)

/** A resolver on the machine's own loopback is out of a server's reach. */
function resolverLines(): string {
  for (const path of ['/etc/resolv.conf', '/run/systemd/resolve/resolv.conf']) {
    if (!existsSync(path)) continue
    const lines = readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => !isLoopback(line))
    if (lines.some((line) => line.startsWith('nameserver'))) return lines.join('\n')
  }
  return ''
}

/** Writes the folders and files that `mountFileSystem` lays over the machine's. */
export function prepareFolders(folder: string, serverName: string): void {
  for (const name of ['etc', 'etc.work', 'var', 'var.work', 'sys']) {
    mkdirSync(join(folder, name), { recursive: true })
  }
  for (const path of REAL_FOLDERS) mkdirSync(join(folder, 'disk', path), { recursive: true })
  const files: Readonly<Record<string, string>> = {
    'etc/resolv.conf': resolverLines(),
    'etc/hostname': `${serverName}\n`,
    'etc/hosts': `127.0.0.1 localhost\n127.0.1.1 ${serverName}\n::1 localhost\n`,
    'etc/docker/daemon.json': '{}\n',
    'etc/containerd/config.toml': CONTAINERD_CONFIG,
  }
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(join(folder, name, '..'), { recursive: true })
    writeFileSync(join(folder, name), content)
  }
}

/** Mounts it all in the namespaces of process `pid`; `folder` holds what the server writes. */
export async function mountFileSystem(
  folder: string,
  pid: number,
  serverName: string,
  signal: AbortSignal,
): Promise<void> {
  const inside = ['--target', String(pid), '--mount', '--uts', '--net']
  const exec = (program: string, ...args: readonly string[]): Promise<unknown> =>
    run('nsenter', [...inside, program, ...args], { signal })
  await exec('hostname', serverName)
  // A fresh sysfs shows this network namespace's devices; the cgroups come along from the machine's.
  const sys = join(folder, 'sys')
  await exec('mount', '-t', 'sysfs', 'sysfs', sys)
  await exec('mount', '--rbind', '/sys/fs/cgroup', join(sys, 'fs/cgroup'))
  await exec('mount', '--move', sys, '/sys')
  // Copies of other servers' namespace mounts would keep those alive after their end.
  await exec('umount', '--recursive', '--lazy', '/run/netns')
  await exec('mount', '-t', 'tmpfs', '-o', 'mode=755', 'tmpfs', '/run')
  await exec('mkdir', '-p', '/run/lock')
  for (const name of ['etc', 'var']) {
    const [upper, work] = [join(folder, name), join(folder, `${name}.work`)]
    const layers = `lowerdir=/${name},upperdir=${upper},workdir=${work}`
    await exec('mount', '-t', 'overlay', '-o', layers, 'overlay', `/${name}`)
  }
  for (const path of REAL_FOLDERS) {
    await exec('mkdir', '-p', path)
    await exec('mount', '--bind', join(folder, 'disk', path), path)
  }
  await exec('mount', '--make-rshared', '/')
}
