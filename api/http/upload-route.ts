import type { Actor, Kernel } from '@polis/kernel/kernel'
import { PolisError } from '@polis/lib/error'
import type { Context, Hono } from 'hono'
import { callerOf } from '../graphql/context.ts'
import type { Environment, RouteDeps } from './environment.ts'
import { errorAnswer } from './request.ts'

/** Largest build context. */
export const MAX_UPLOAD_BYTES = 512 * 1024 * 1024

const DIGEST = /^sha256:[0-9a-f]{64}$/

/**
 * `PUT /uploads?project=NAME` keeps a folder as tar and answers `{ "digest": "sha256:…" }`; equal content has an
 * equal digest, and keeping it twice costs nothing. `HEAD /uploads/DIGEST?project=NAME` tells whether it is there
 * already (200 or 404). Both are for operators of the project.
 */
export function addUploadRoute(app: Hono<Environment>, deps: RouteDeps): void {
  const { kernel, logger } = deps
  app.put('/uploads', async (c) => {
    mayUpload(kernel, callerOf(c.get('caller')), c.req.query('project'))
    if (Number(c.req.header('content-length') ?? 0) > MAX_UPLOAD_BYTES) {
      return errorAnswer(c, tooLarge(), logger, 413)
    }
    const { body, signal } = c.req.raw
    if (body === null) throw new PolisError('InvalidArgument', 'the request has no body')
    const digest = await kernel.blobs.put(body, MAX_UPLOAD_BYTES, signal)
    return c.json({ digest }, 201)
  })
  app.get('/uploads/:digest', async (c) => {
    mayUpload(kernel, callerOf(c.get('caller')), c.req.query('project'))
    return c.body(null, (await isKept(c, kernel)) ? 200 : 404)
  })
}

async function isKept(c: Context<Environment>, kernel: Kernel): Promise<boolean> {
  const digest = c.req.param('digest') ?? ''
  return DIGEST.test(digest) && (await kernel.blobs.has(digest))
}

/** Bulk content belongs to no object yet, so the kernel has nothing to check it by. Throws NotFound, PermissionDenied. */
function mayUpload(kernel: Kernel, actor: Actor, name = 'default'): void {
  const project = kernel.reader(actor).findByName('Project', undefined, name)
  if (project === undefined) {
    throw new PolisError('NotFound', `there is no project ${JSON.stringify(name)}`, {
      path: 'project',
    })
  }
  const role = actor.roleIn(project.metadata.uid)
  if (role === 'administrator' || role === 'operator') return
  throw new PolisError('PermissionDenied', 'only operators may upload')
}

function tooLarge(): PolisError {
  return new PolisError(
    'ResourceExhausted',
    `the folder is larger than ${MAX_UPLOAD_BYTES / 1024 / 1024} MiB`,
    { hint: 'name what is not needed in .dockerignore' },
  )
}
