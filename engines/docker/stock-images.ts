// Builds the images that Polis brings as recipes (`images/`), so that a server needs a Debian mirror and no registry.
import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdtemp, readdir, readFile, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { PolisError } from '@polis/lib/error'
import { Readable } from 'node:stream'
import { pack } from 'tar-stream'
import { z } from 'zod'
import { buildImage } from './build.ts'
import type { DockerClient } from './client.ts'
import { findImage, getImage, importImage, type OnLine } from './images.ts'

const RootFileSystem = z.strictObject({
  suite: z.string(),
  variant: z.string(),
  aptOptions: z.array(z.string()),
  dpkgOptions: z.array(z.string()),
  /** Dockerfile lines for the image's configuration. */
  changes: z.array(z.string()),
})
type RootFileSystem = z.infer<typeof RootFileSystem>

const Recipe = z.strictObject({
  repository: z.string(),
  tag: z.string(),
  /** In the recipe at the bottom, which has no Dockerfile. */
  rootFileSystem: RootFileSystem.optional(),
})
type Recipe = z.infer<typeof Recipe>

export interface StockImage {
  /** `sha256:…`: what containers are made from, so that no tag is ever looked up in a registry. */
  readonly imageId: string
  /** `polis/debian:12` */
  readonly reference: string
}

const RECIPE_LABEL = 'polis.recipe'

interface RecipeFile {
  readonly name: string
  readonly content: Buffer
  readonly isExecutable: boolean
}

async function readRecipe(folder: string): Promise<Recipe> {
  const text = await readFile(join(folder, 'recipe.json'), 'utf8').catch((cause: unknown) => {
    throw new PolisError('NotFound', `there is no stock image recipe ${folder}`, { cause })
  })
  return Recipe.parse(JSON.parse(text))
}

async function readFiles(folder: string): Promise<readonly RecipeFile[]> {
  const names = (await readdir(folder)).toSorted()
  return Promise.all(
    names.map(async (name) => {
      const path = join(folder, name)
      const isExecutable = ((await stat(path)).mode & 0o100) !== 0
      return { name, content: await readFile(path), isExecutable }
    }),
  )
}

/** The recipe whose image the Dockerfile is FROM. */
function findBase(files: readonly RecipeFile[]): string | undefined {
  const dockerfile = files.find((file) => file.name === 'Dockerfile')?.content.toString('utf8')
  return /^FROM polis\/(?<base>[a-z0-9-]+):/m.exec(dockerfile ?? '')?.groups?.['base']
}

/** The reference of a stock image, without building it. */
export async function stockImageReference(recipesDir: string, name: string): Promise<string> {
  const { repository, tag } = await readRecipe(join(recipesDir, name))
  return `${repository}:${tag}`
}

/** Changes when the content of the recipe, or of one below it, does. */
export async function recipeHash(recipesDir: string, name: string): Promise<string> {
  const files = await readFiles(join(recipesDir, name))
  const base = findBase(files)
  const hash = createHash('sha256')
  if (base !== undefined) hash.update(await recipeHash(recipesDir, base))
  for (const { name: file, content } of files) {
    hash.update(`\0${file}\0${content.length}\0`).update(content)
  }
  return hash.digest('hex')
}

/** Runs mmdebstrap, its last words in the error when it fails. */
async function bootstrap(
  { suite, variant, aptOptions, dpkgOptions }: RootFileSystem,
  tarPath: string,
  onLine: OnLine,
  signal: AbortSignal,
): Promise<void> {
  const options = [
    ...aptOptions.map((option) => `--aptopt=${option}`),
    ...dpkgOptions.map((option) => `--dpkgopt=${option}`),
  ]
  const args = ['--mode=root', `--variant=${variant}`, ...options, suite, tarPath]
  const child = spawn('mmdebstrap', args, { signal, stdio: ['ignore', 'ignore', 'pipe'] })
  const words: string[] = []
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  createInterface(child.stderr).on('line', (line) => {
    words.push(line)
    onLine(line)
  })
  const code = await ended.catch((cause: unknown) => {
    signal.throwIfAborted()
    throw new PolisError('Unavailable', 'mmdebstrap is not installed', {
      cause,
      hint: 'apt-get install mmdebstrap',
    })
  })
  if (code === 0) return
  throw new PolisError('Internal', `mmdebstrap failed: ${words.slice(-8).join('\n')}`)
}

async function importRootFileSystem(
  docker: DockerClient,
  { repository, tag }: Recipe,
  root: RootFileSystem,
  hash: string,
  onLine: OnLine,
  signal: AbortSignal,
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'polis-image-'))
  try {
    const tarPath = join(folder, 'root.tar')
    await bootstrap(root, tarPath, onLine, signal)
    const changes = [...root.changes, `LABEL ${RECIPE_LABEL}=${hash}`]
    await importImage(docker, createReadStream(tarPath), { repository, tag }, changes, signal)
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}

async function buildRecipe(
  docker: DockerClient,
  files: readonly RecipeFile[],
  reference: string,
  hash: string,
  onLine: OnLine,
  signal: AbortSignal,
): Promise<void> {
  const context = pack()
  for (const { name, content, isExecutable } of files) {
    context.entry({ name, mode: isExecutable ? 0o755 : 0o644, mtime: new Date(0) }, content)
  }
  context.finalize()
  // Packages come from a mirror as the node sees it, its resolver included.
  const options = { tags: [reference], labels: { [RECIPE_LABEL]: hash }, network: 'host' } as const
  await buildImage(docker, Readable.from(context), options, onLine, signal)
}

/**
 * Makes sure the engine has the stock image `name` as its recipe says, with those it stands on; safe to repeat, and
 * quick when nothing changed. `recipesDir` is the folder of all recipes. Needs root and mmdebstrap for the bottom one.
 */
export async function ensureStockImage(
  docker: DockerClient,
  recipesDir: string,
  name: string,
  signal: AbortSignal,
  onLine: OnLine,
): Promise<StockImage> {
  const folder = join(recipesDir, name)
  const recipe = await readRecipe(folder)
  const reference = `${recipe.repository}:${recipe.tag}`
  const hash = await recipeHash(recipesDir, name)
  const found = await findImage(docker, reference, signal)
  if (found?.labels[RECIPE_LABEL] === hash) return { imageId: found.id, reference }
  onLine(`building ${reference}`)
  const files = await readFiles(folder)
  const base = findBase(files)
  if (base !== undefined) await ensureStockImage(docker, recipesDir, base, signal, onLine)
  if (recipe.rootFileSystem !== undefined) {
    await importRootFileSystem(docker, recipe, recipe.rootFileSystem, hash, onLine, signal)
  } else {
    await buildRecipe(docker, files, reference, hash, onLine, signal)
  }
  return { imageId: (await getImage(docker, reference, signal)).id, reference }
}
