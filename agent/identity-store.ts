import type { NodeIdentity } from '@polis/hal/enrolment'
import type { NewKey } from '@polis/protocol/certificate-request'

/** Where a node keeps who it is, across restarts. */
export interface IdentityStore {
  /** Undefined before the node has enrolled. Throws FailedPrecondition for what cannot be read as one. */
  load(): Promise<NodeIdentity | undefined>
  /** All of it or nothing, and on disk when this returns. The pending key has served its purpose and goes. */
  save(identity: NodeIdentity): Promise<void>
  /**
   * The key to enrol with: the one that was kept, else what `make` gives, kept before this returns. A node that lost
   * the answer to its request asks again with the same key, and is not taken for another.
   */
  pendingKey(make: () => Promise<NewKey>): Promise<NewKey>
}
