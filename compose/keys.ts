// Every key of the Compose specification, honoured or refused with what to do instead. docs/compose.md repeats this
// table for people, and its test compares the two.
import type { KeySet } from './field.ts'

const ONE_NETWORK = 'leave it out: every instance has a private network of its own'
const NOT_YET = 'not supported yet: leave it out'
const NO_HOST = 'leave it out: a service does not share parts of its node'
const NO_PRIVILEGE = 'leave it out: services run without extra rights'
const LIMITS = 'use deploy.resources.limits'
const ROLL_OUT =
  'leave it out: a new task starts beside the old one and takes over when it is healthy'
const ONE_FILE = 'not supported yet: write everything into one file'

export const TOP_KEYS: KeySet = {
  honoured: ['name', 'services', 'volumes', 'version'],
  refused: {
    include: ONE_FILE,
    networks: ONE_NETWORK,
    configs: 'not supported yet: build files into the image, or use a volume',
    secrets: 'not supported yet: use environment, or x-polis.databases for database passwords',
    models: NOT_YET,
  },
}

export const SERVICE_KEYS: KeySet = {
  honoured: [
    'build',
    'command',
    'cpus',
    'depends_on',
    'deploy',
    'entrypoint',
    'environment',
    'expose',
    'healthcheck',
    'image',
    'init',
    'labels',
    'mem_limit',
    'mem_reservation',
    'pids_limit',
    'ports',
    'restart',
    'scale',
    'stop_grace_period',
    'stop_signal',
    'user',
    'volumes',
    'working_dir',
    'x-polis',
  ],
  refused: {
    annotations: 'use labels',
    attach: 'leave it out: `polis app logs` shows every service',
    blkio_config: NOT_YET,
    cap_add: NO_PRIVILEGE,
    cap_drop: NOT_YET,
    cgroup: NO_HOST,
    cgroup_parent: NO_HOST,
    configs: 'not supported yet: build files into the image, or use a volume',
    container_name:
      'leave it out: containers get names of their own; services find each other by service name',
    cpu_count: 'use deploy.resources.limits.cpus',
    cpu_percent: 'use deploy.resources.limits.cpus',
    cpu_period: 'use deploy.resources.limits.cpus',
    cpu_quota: 'use deploy.resources.limits.cpus',
    cpu_rt_period: NO_HOST,
    cpu_rt_runtime: NO_HOST,
    cpu_shares: 'use deploy.resources.reservations.cpus',
    cpuset: NO_HOST,
    credential_spec: 'leave it out: it is for Windows containers',
    develop: 'leave it out: it is for work on one machine; deploy again after a change',
    device_cgroup_rules: NO_HOST,
    devices: NO_HOST,
    dns: NOT_YET,
    dns_opt: NOT_YET,
    dns_search: NOT_YET,
    domainname: 'for a public name use x-polis.domains',
    env_file: 'not supported yet: use environment; `${NAME}` takes values from .env',
    extends: 'not supported yet: use YAML anchors and `<<`',
    external_links: ONE_NETWORK,
    extra_hosts: NOT_YET,
    gpus: NO_HOST,
    group_add: NOT_YET,
    hostname: 'leave it out: services find each other by service name',
    ipc: NO_HOST,
    isolation: 'leave it out: it is for Windows containers',
    label_file: 'use labels',
    links: 'leave it out: services of one file find each other by service name',
    logging: 'leave it out: `polis app logs` shows what services write',
    mac_address: ONE_NETWORK,
    mem_swappiness: LIMITS,
    memswap_limit: LIMITS,
    models: NOT_YET,
    network_mode: ONE_NETWORK,
    networks: ONE_NETWORK,
    oom_kill_disable: NO_HOST,
    oom_score_adj: NO_HOST,
    pid: NO_HOST,
    platform: NOT_YET,
    post_start: 'not supported yet: start what is needed from entrypoint',
    pre_stop: 'not supported yet: react to stop_signal instead',
    privileged: NO_PRIVILEGE,
    profiles: 'not supported yet: leave it out, or put the service into a file of its own',
    provider: 'use x-polis to ask for databases, domains and volumes',
    pull_policy: 'leave it out: an image is resolved once per deploy and pinned to its digest',
    pull_refresh_after:
      'leave it out: an image is resolved once per deploy and pinned to its digest',
    read_only: NOT_YET,
    runtime: NO_HOST,
    secrets: 'not supported yet: use environment, or x-polis.databases for database passwords',
    security_opt: NO_PRIVILEGE,
    shm_size: NOT_YET,
    stdin_open: 'leave it out: there are no terminals into services yet',
    storage_opt: NO_HOST,
    sysctls: NO_HOST,
    tmpfs: 'not supported yet: use a volume',
    tty: 'leave it out: there are no terminals into services yet',
    ulimits: NOT_YET,
    use_api_socket: NO_PRIVILEGE,
    userns_mode: NO_HOST,
    uts: NO_HOST,
    volumes_from: 'mount the same named volume in both services',
  },
}

export const BUILD_KEYS: KeySet = {
  honoured: ['args', 'context', 'dockerfile', 'target'],
  refused: {
    additional_contexts: NOT_YET,
    cache_from: 'leave it out: the builder keeps its own cache',
    cache_to: 'leave it out: the builder keeps its own cache',
    dockerfile_inline: 'write it into a file and name that with dockerfile',
    entitlements: NO_PRIVILEGE,
    extra_hosts: NOT_YET,
    isolation: 'leave it out: it is for Windows containers',
    labels: 'use LABEL in the Dockerfile',
    network: NOT_YET,
    no_cache: NOT_YET,
    platforms: NOT_YET,
    privileged: NO_PRIVILEGE,
    provenance: NOT_YET,
    pull: NOT_YET,
    sbom: NOT_YET,
    secrets: NOT_YET,
    shm_size: NOT_YET,
    ssh: NOT_YET,
    tags: 'leave it out: Polis names the images it builds',
    ulimits: NOT_YET,
  },
}

export const DEPLOY_KEYS: KeySet = {
  honoured: ['endpoint_mode', 'mode', 'replicas', 'resources', 'restart_policy'],
  refused: {
    labels: 'use labels of the service',
    placement: NOT_YET,
    rollback_config: 'leave it out: a roll-out that fails is rolled back by itself',
    update_config: ROLL_OUT,
  },
}

export const RESOURCES_KEYS: KeySet = { honoured: ['limits', 'reservations'] }
export const LIMITS_KEYS: KeySet = { honoured: ['cpus', 'memory', 'pids'] }
export const RESERVATIONS_KEYS: KeySet = {
  honoured: ['cpus', 'memory'],
  refused: {
    devices: NO_HOST,
    generic_resources: NOT_YET,
    pids: 'use deploy.resources.limits.pids',
  },
}

export const RESTART_POLICY_KEYS: KeySet = {
  honoured: ['condition'],
  refused: {
    delay: 'leave it out: Polis chooses when to start a task again',
    max_attempts: 'leave it out: Polis keeps trying, and says so in the status',
    window: 'leave it out: a roll-out waits until tasks are healthy',
  },
}

export const HEALTH_CHECK_KEYS: KeySet = {
  honoured: ['disable', 'interval', 'retries', 'start_period', 'test', 'timeout'],
  refused: { start_interval: 'not supported yet: leave it out; interval counts from the start' },
}

export const DEPENDENCY_KEYS: KeySet = { honoured: ['condition', 'required', 'restart'] }

export const PORT_KEYS: KeySet = {
  honoured: ['host_ip', 'mode', 'name', 'protocol', 'published', 'target'],
  refused: {
    app_protocol: 'leave it out: ports carry TCP; for HTTP by name use x-polis.domains',
  },
}

export const MOUNT_KEYS: KeySet = {
  honoured: ['bind', 'read_only', 'source', 'target', 'type', 'volume'],
  refused: {
    consistency: 'leave it out: it has no effect on Linux',
    image: NOT_YET,
    tmpfs: 'not supported yet: use a volume',
  },
}
export const MOUNT_VOLUME_KEYS: KeySet = {
  honoured: ['nocopy'],
  refused: { labels: 'write labels at the top-level volume', subpath: NOT_YET },
}
export const MOUNT_BIND_KEYS: KeySet = {
  honoured: ['create_host_path'],
  refused: {
    propagation: 'leave it out: x-polis.volumes come and go while a task runs',
    recursive: NOT_YET,
    selinux: NOT_YET,
  },
}

export const VOLUME_KEYS: KeySet = {
  honoured: ['driver', 'external', 'labels', 'name'],
  refused: {
    driver_opts: 'not supported yet: create the volume with Polis and name it as external',
  },
}

export const POLIS_KEYS: KeySet = { honoured: ['databases', 'domains', 'volumes'] }
export const DOMAIN_KEYS: KeySet = {
  honoured: ['host', 'port', 'tls'],
  refused: { path: 'not supported yet: a domain leads to one service' },
}
export const DATABASE_KEYS: KeySet = {
  honoured: ['database', 'device', 'engine', 'env', 'name'],
}
export const DYNAMIC_VOLUME_KEYS: KeySet = {
  honoured: ['exclusive', 'name', 'readOnly', 'volume'],
  refused: {
    path: 'leave it out: the volume appears at /polis/<name>; for another path use volumes',
    read_only: 'write readOnly',
  },
}
