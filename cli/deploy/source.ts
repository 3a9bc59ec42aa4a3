import { readFile, stat } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { PolisError } from '@polis/lib/error'
import { toDnsLabel } from '@polis/lib/names'

/** What `deploy` was given: a Compose file and what stands beside it. */
export interface Source {
  readonly file: { readonly path: string; readonly text: string }
  /** Where the file is; undefined: there is none, an image was named. */
  readonly folder: string | undefined
  /** A name for an application that has none of its own. */
  readonly defaultName: string | undefined
}

/** In the order in which Compose looks for them. */
const FILE_NAMES = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml']
const MOST_BYTES = 1024 * 1024
const IMAGE = /^[a-z0-9][\w.-]*(?::\d+)?(?:\/[\w.-]+)*(?::[\w.-]+)?(?:@sha256:[0-9a-f]{64})?$/

/** A folder with a Compose file, the file itself, or the name of an image. Throws NotFound, InvalidArgument. */
export async function readSource(given: string): Promise<Source> {
  const path = resolve(given)
  const found = await stat(path).catch(() => undefined)
  if (found?.isDirectory() === true) {
    for (const name of FILE_NAMES) {
      const text = await readText(join(path, name))
      if (text !== undefined) return fromFile(name, text, path)
    }
    throw new PolisError('NotFound', `there is no Compose file in ${given}`, {
      path: given,
      hint: `write a ${FILE_NAMES[0] ?? ''}`,
    })
  }
  if (found !== undefined) {
    const text = (await readText(path)) ?? ''
    return fromFile(basename(path), text, dirname(path))
  }
  if (!IMAGE.test(given)) {
    throw new PolisError('NotFound', `there is nothing at ${given}`, { path: given })
  }
  return fromImage(given)
}

function fromFile(path: string, text: string, folder: string): Source {
  return { file: { path, text }, folder, defaultName: toDnsLabel(basename(folder)) }
}

/** `registry.example/team/shop:1.2` becomes an application `shop` of one service, `web`. */
function fromImage(reference: string): Source {
  const [name = ''] = (reference.split('/').at(-1) ?? '').split(/[:@]/)
  const text = `services:\n  web:\n    image: ${JSON.stringify(reference)}\n`
  return { file: { path: 'compose.yaml', text }, folder: undefined, defaultName: toDnsLabel(name) }
}

/** A text file that is not too large to be what it should be; undefined: there is none. */
export async function readText(path: string): Promise<string | undefined> {
  const found = await stat(path).catch(() => undefined)
  if (found === undefined) return undefined
  if (found.size > MOST_BYTES) {
    const size = `${Math.ceil(found.size / 1024 / 1024)} MiB`
    throw new PolisError('InvalidArgument', `the file has ${size}; 1 MiB is allowed`, { path })
  }
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(await readFile(path))
  } catch (cause) {
    throw new PolisError('InvalidArgument', 'the file cannot be read as UTF-8 text', {
      path,
      cause,
    })
  }
}
