import type { NodeIdentity } from '@polis/hal/enrolment'
import { parseJoinToken } from '@polis/hal/join-token'
import type { Clock } from '@polis/lib/clock'
import { newKeyWithRequest } from '@polis/protocol/certificate-request'
import { fetchCertificateAuthority, type KernelAddress } from '@polis/protocol/dial'
import { KernelClient } from '@polis/protocol/kernel-client'
import type { IdentityStore } from './identity-store.ts'
import type { NodeFactsSource } from './node-facts.ts'

export interface EnrolDeps {
  readonly address: KernelAddress
  readonly identityStore: Pick<IdentityStore, 'pendingKey'>
  readonly facts: NodeFactsSource
  readonly clock: Clock
}

/**
 * Makes this machine a node: finds the server whose CA the token names, and only then shows it the token's secret.
 * Throws InvalidArgument for a text that is no join token, PermissionDenied for a server that is not the token's,
 * Unauthenticated for a token that is not valid (any more), Unavailable while the server is away.
 */
export async function enrol(
  joinToken: string,
  { address, identityStore, facts, clock }: EnrolDeps,
  signal: AbortSignal,
): Promise<NodeIdentity> {
  const { secret, caDigest } = parseJoinToken(joinToken)
  const caPem = await fetchCertificateAuthority(address, caDigest, signal)
  const kernel = new KernelClient({ dialOptions: () => ({ address, caPem }), clock })
  const { privateKeyPem, certificateRequestPem } = await identityStore.pendingKey(newKeyWithRequest)
  const request = { secret, certificateRequestPem, facts: await facts.read() }
  return { ...(await kernel.enrol(request, signal)), privateKeyPem }
}
