// Where the tree is that this program runs from: built in dist/, or as sources in boot/.
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { findJson } from './files.ts'

const ROOT = join(import.meta.dirname, '..')
const DIST = join(ROOT, 'dist')

export const IMAGES_DIR = join(ROOT, 'images')
export const EXAMPLES_DIR = join(ROOT, 'examples')
export const PACKAGES_FILE = join(ROOT, 'boot/packages.json')

/** A program of Polis, built. */
export const programPath = (name: 'polis' | 'server' | 'agent' | 'supervise'): string =>
  join(DIST, `${name}.js`)

const BUILD_FILE = join(DIST, 'build.json')

/** Changes when the programs do; empty: nothing is built. */
export const buildId = (): string => findJson(BUILD_FILE, z.object({ id: z.string() }))?.id ?? ''

export const builtAt = (): Date | undefined =>
  statSync(BUILD_FILE, { throwIfNoEntry: false })?.mtime
