import type { NodeIdentity } from '@polis/hal/enrolment'

/** Where a node keeps who it is, across restarts. */
export interface IdentityStore {
  /** Undefined before the node has enrolled. Throws FailedPrecondition for what cannot be read as one. */
  load(): Promise<NodeIdentity | undefined>
  /** All of it or nothing, and on disk when this returns. */
  save(identity: NodeIdentity): Promise<void>
}
