// Stock images for rig servers, built once for each content of the recipes and kept under `.cache/images`.
import {
  createReadStream,
  createWriteStream,
  existsSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
} from 'node:fs'
import { join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { DockerClient } from '@polis/engine-docker/client'
import { getImage, loadImages, saveImages } from '@polis/engine-docker/images'
import {
  ensureStockImage,
  recipeHash,
  stockImageReference,
  type StockImage,
} from '@polis/engine-docker/stock-images'
import { withLock } from './lock.ts'
import { requireEngines } from './engines.ts'
import type { RigServer } from './server.ts'

const ROOT = join(import.meta.dirname, '../..')
const CACHE = join(ROOT, '.cache/images')

/** Where the recipes of the stock images are: for code under test that builds them. */
export const RECIPES = join(ROOT, 'images')

export type StockImageName = 'debian' | 'postgresql' | 'registry'

/** A first build takes minutes on a small machine. */
const BUILD_MS = 600_000

async function buildArchive(
  docker: DockerClient,
  name: StockImageName,
  path: string,
  signal: AbortSignal,
): Promise<void> {
  requireEngines(['mmdebstrap'])
  const { reference } = await ensureStockImage(docker, RECIPES, name, signal, () => undefined)
  const partPath = `${path}.part`
  await pipeline(await saveImages(docker, [reference], signal), createWriteStream(partPath))
  renameSync(partPath, path)
  for (const file of readdirSync(CACHE)) {
    const isOlder =
      file.startsWith(`${name}-`) && file.endsWith('.tar') && join(CACHE, file) !== path
    if (isOlder) rmSync(join(CACHE, file))
  }
}

async function loadStockImage(
  docker: DockerClient,
  name: StockImageName,
  signal: AbortSignal,
): Promise<StockImage> {
  const path = join(CACHE, `${name}-${(await recipeHash(RECIPES, name)).slice(0, 16)}.tar`)
  if (!existsSync(path)) {
    // One builds, the other suites wait for it.
    await withLock(join(CACHE, 'lock'), signal, async () => {
      if (!existsSync(path)) await buildArchive(docker, name, path, signal)
    })
  }
  await loadImages(docker, createReadStream(path), signal)
  const reference = await stockImageReference(RECIPES, name)
  return { reference, imageId: (await getImage(docker, reference, signal)).id }
}

/** Puts stock images into a server's engine: seconds, but minutes when they have to be built first. */
export async function loadStockImages<Name extends StockImageName>(
  server: RigServer,
  names: readonly Name[],
  signal: AbortSignal = AbortSignal.timeout(BUILD_MS),
): Promise<Readonly<Record<Name, StockImage>>> {
  mkdirSync(CACHE, { recursive: true })
  const docker = new DockerClient({ socketPath: server.dockerSocketPath })
  const loaded: [Name, StockImage][] = []
  // In turn: building one that stands on another finds it there.
  for (const name of names) loaded.push([name, await loadStockImage(docker, name, signal)])
  return Object.fromEntries(loaded) as Record<Name, StockImage>
}
