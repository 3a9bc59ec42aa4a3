// The smallest image that can sit the orchestrator's exam: Debian's static busybox and three scripts, 2 MB.
import { createHash } from 'node:crypto'
import { createReadStream, existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { chmod, mkdtemp, readdir, symlink } from 'node:fs/promises'
import { join } from 'node:path'
import { DockerClient } from '@polis/engine-docker/client'
import { getImage, importImage } from '@polis/engine-docker/images'
import { PolisError } from '@polis/lib/error'
import { run } from '@polis/lib/run'
import { withLock } from './lock.ts'
import type { RigServer } from './server.ts'

const CACHE = join(import.meta.dirname, '../..', '.cache/images')
const BUILD_MS = 120_000

const APPLETS = ['sh', 'cat', 'httpd', 'nslookup', 'sleep', 'true', 'false']

const SCRIPTS: Readonly<Record<string, string>> = {
  // Answers $GREETING to any request at port 8080.
  serve: `#!/bin/sh
echo -n "$GREETING" > /www/index.html
echo "serving $GREETING"
trap 'exit 0' TERM
httpd -f -p 8080 -h /www &
wait
`,
  crash: `#!/bin/sh
echo boom >&2
exit 3
`,
  stubborn: `#!/bin/sh
trap '' TERM
while true; do sleep 1; done
`,
}

const RECIPE = createHash('sha256')
  .update(JSON.stringify([APPLETS, SCRIPTS]))
  .digest('hex')
const ARCHIVE = join(CACHE, `exam-${RECIPE.slice(0, 16)}.tar`)

export const EXAM_IMAGE = { repository: 'polis/exam', tag: 'latest' } as const

async function fetchBusybox(folder: string, signal: AbortSignal): Promise<void> {
  await run('apt-get', ['download', 'busybox-static'], { signal, cwd: folder })
  const packageFile = (await readdir(folder)).find((name) => name.endsWith('.deb'))
  if (packageFile === undefined) {
    throw new PolisError('NotFound', 'apt-get downloaded no busybox-static')
  }
  await run('dpkg-deb', ['--extract', packageFile, 'package'], { signal, cwd: folder })
}

async function buildArchive(signal: AbortSignal): Promise<void> {
  const folder = await mkdtemp(join(CACHE, 'exam-'))
  try {
    await fetchBusybox(folder, signal)
    const root = join(folder, 'root')
    for (const name of ['bin', 'tmp', 'www']) mkdirSync(join(root, name), { recursive: true })
    renameSync(join(folder, 'package/bin/busybox'), join(root, 'bin/busybox'))
    for (const applet of APPLETS) await symlink('busybox', join(root, 'bin', applet))
    for (const [name, text] of Object.entries(SCRIPTS)) {
      writeFileSync(join(root, 'bin', name), text)
      await chmod(join(root, 'bin', name), 0o755)
    }
    const partPath = join(folder, 'exam.tar')
    await run('tar', ['-C', root, '--owner=0', '--group=0', '-cf', partPath, '.'], { signal })
    renameSync(partPath, ARCHIVE)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Puts the exam's image into a server's engine and gives its id. */
export async function loadExamImage(
  server: RigServer,
  signal: AbortSignal = AbortSignal.timeout(BUILD_MS),
): Promise<string> {
  mkdirSync(CACHE, { recursive: true })
  await withLock(join(CACHE, 'exam.lock'), signal, async () => {
    if (!existsSync(ARCHIVE)) await buildArchive(signal)
  })
  const docker = new DockerClient({ socketPath: server.dockerSocketPath })
  const { repository, tag } = EXAM_IMAGE
  await importImage(docker, createReadStream(ARCHIVE), EXAM_IMAGE, ['EXPOSE 8080'], signal)
  return (await getImage(docker, `${repository}:${tag}`, signal)).id
}
