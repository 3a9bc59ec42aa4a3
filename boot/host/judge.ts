// What is wrong with a host, and what to do about it. Decides only: the facts are collected elsewhere.
import { type HostFacts, toSize } from './facts.ts'
import { type Finding, ok, problem, warning } from './finding.ts'

const MIB = 1024 * 1024
const DISK_NEEDED_BYTES = 1024 * MIB
const DISK_WANTED_BYTES = 5 * 1024 * MIB
const FILES_WANTED = 50_000
const MEMORY_NEEDED_BYTES = 900 * MIB
const MEMORY_WANTED_BYTES = 256 * MIB

/** Everything looked at, in the order in which it matters. */
export function judgeHost(facts: HostFacts): readonly Finding[] {
  return [
    judgeUser(facts),
    judgePrograms(facts),
    judgeKernel(facts),
    judgeCgroups(facts),
    ...facts.disks.map(judgeDisk),
    judgeMemory(facts),
    judgeClock(facts),
    judgeNames(facts),
    judgeDocker(facts),
    ...judgePorts(facts),
    ...judgeServer(facts),
  ]
}

function judgeUser({ isRoot }: HostFacts): Finding {
  if (isRoot) return ok('user', 'root')
  return warning('user', 'not root: the kernel was not tried', 'run `sudo polis doctor`')
}

function judgePrograms({ missingPrograms }: HostFacts): Finding {
  if (missingPrograms.length === 0) return ok('programs', 'all are installed')
  const list = missingPrograms.join(' ')
  return problem(
    'programs',
    `packages are missing: ${list}`,
    `run \`npm start\` again, or apt-get install ${list}`,
  )
}

function judgeKernel({ features }: HostFacts): Finding {
  if (features === undefined) return warning('kernel', 'not tried', 'run `sudo polis doctor`')
  const missing = Object.keys(features).filter((name) => features[name] !== true)
  if (missing.length === 0) return ok('kernel', `has ${Object.keys(features).join(', ')}`)
  const list = missing.join(', ')
  return problem(
    'kernel',
    `cannot make ${list}`,
    `load the modules (modprobe ${missing.join(' ')}); a container needs them, and the rights, from its host`,
  )
}

function judgeCgroups({ cgroups, canLimitMemory }: HostFacts): Finding {
  if (cgroups === 'none') {
    return problem('cgroups', 'none are mounted', 'mount -t cgroup2 none /sys/fs/cgroup')
  }
  if (canLimitMemory) return ok('cgroups', cgroups)
  return warning(
    'cgroups',
    `${cgroups}, without the memory controller: memory limits have no effect`,
    'boot with cgroup_enable=memory',
  )
}

function judgeDisk({ path, freeBytes, freeFiles }: HostFacts['disks'][number]): Finding {
  const remedy = 'free some space: docker system df shows what images take'
  const message = `${toSize(freeBytes)} free at ${path}`
  if (freeBytes < DISK_NEEDED_BYTES) return problem('disk', message, remedy)
  if (freeBytes < DISK_WANTED_BYTES) return warning('disk', message, remedy)
  if (freeFiles < FILES_WANTED) {
    return warning('disk', `${freeFiles} files can still be made at ${path}`, remedy)
  }
  return ok('disk', message)
}

function judgeMemory({ memoryTotalBytes, memoryFreeBytes }: HostFacts): Finding {
  const message = `${toSize(memoryFreeBytes)} of ${toSize(memoryTotalBytes)} free`
  if (memoryTotalBytes < MEMORY_NEEDED_BYTES) {
    return problem('memory', message, 'Polis with one application needs 1 GiB')
  }
  if (memoryFreeBytes < MEMORY_WANTED_BYTES) {
    return warning('memory', message, 'stop something, or add memory or swap')
  }
  return ok('memory', message)
}

function judgeClock({ now, builtAt }: HostFacts): Finding {
  const text = now.toISOString()
  if (builtAt === undefined || now >= builtAt) return ok('clock', text)
  return problem(
    'clock',
    `${text} is before this Polis was built: certificates would not hold`,
    'set the clock, and install chrony or systemd-timesyncd',
  )
}

function judgeNames({ unresolvedNames }: HostFacts): Finding {
  if (unresolvedNames.length === 0) return ok('names', 'are resolved')
  return warning(
    'names',
    `not resolved: ${unresolvedNames.join(', ')}`,
    'look into /etc/resolv.conf; images are built from packages that are fetched by name',
  )
}

function judgeDocker({ docker }: HostFacts): Finding {
  if (docker === undefined) return problem('docker', 'does not answer', 'run `polis up`')
  const name = `Docker ${docker.version}`
  if (docker.hasLiveRestore) {
    return problem(
      'docker',
      `${name} is set to live-restore, which Swarm mode excludes`,
      'remove "live-restore" from /etc/docker/daemon.json and restart Docker',
    )
  }
  if (docker.swarm === 'worker') {
    return problem(
      'docker',
      `${name} is a worker of another swarm, which is never left by force`,
      'promote this node there, or take it out with `docker swarm leave`',
    )
  }
  if (docker.swarm === 'broken') {
    return problem('docker', `${name}'s swarm does not work`, 'look into `docker info`')
  }
  return ok('docker', docker.swarm === 'manager' ? `${name}, managing a swarm` : name)
}

function judgePorts({ ports, portConflicts }: HostFacts): readonly Finding[] {
  return ports.map((port) => {
    const conflict = portConflicts.find((each) => each.port === port)
    if (conflict === undefined) return ok('ports', `${port} is free, or Polis' own`)
    return problem(
      'ports',
      `${port} is taken by ${conflict.owner}`,
      'stop that, or run `polis up --http-port 8080 --https-port 8443`',
    )
  })
}

function judgeServer({ server }: HostFacts): readonly Finding[] {
  if (server === undefined) return []
  if (server === 'ready') return [ok('server', 'is ready')]
  const message = server === 'silent' ? 'does not answer' : 'is not ready'
  return [problem('server', message, 'run `polis up`, and look into logs/server.log of POLIS_HOME')]
}
