import type { ConnectRouter } from '@connectrpc/connect'
import type { EnrolmentAuthority, IssuedCertificate } from '@polis/hal/enrolment'
import { PolisError } from '@polis/lib/error'
import { NodeFacts } from '@polis/resources/node'
import { answer, answerWithStream } from './answer.ts'
import { BlobService, EnrolmentService } from './gen/polis/agent/v1/agent_pb.js'
import { decodePayload } from './payload.ts'
import type { TlsPeer } from './tls-peer.ts'

const CHUNK_BYTES = 256 * 1024

/** What the kernel serves to one peer on the agents' port. Only enrolling needs no certificate. */
export function serveKernel(
  router: ConnectRouter,
  authority: EnrolmentAuthority,
  peer: TlsPeer | undefined,
): void {
  /** The calling node's uid; asked anew each time, because a node can be removed while it is connected. */
  async function requireNode(): Promise<string> {
    if (peer?.identity.type !== 'node') {
      throw new PolisError('Unauthenticated', 'only nodes may ask for this', {
        hint: 'join this node first',
      })
    }
    const { uid } = peer.identity
    if (await authority.isRevoked(uid, peer.serialNumber)) throw removedNode()
    return uid
  }

  router.service(EnrolmentService, {
    enrol: (request, context) =>
      answer(context, 'enrol a node', async () => {
        const { secret, certificateRequest: certificateRequestPem } = request
        const facts = decodePayload(NodeFacts, request.facts, 'facts', 'InvalidArgument')
        const node = await authority.enrol({ secret, certificateRequestPem, facts })
        const { nodeUid, nodeName, installationUid } = node
        return { ...toMessage(node), nodeUid, nodeName, installationUid }
      }),

    renew: (request, context) =>
      answer(context, 'renew a certificate', async () =>
        toMessage(await authority.renew(await requireNode(), request.certificateRequest)),
      ),

    issueDeviceCertificate: (request, context) =>
      answer(context, 'issue a device certificate', async () => {
        const { deviceUid, names, certificateRequest: certificateRequestPem } = request
        const nodeUid = await requireNode()
        const asked = { nodeUid, deviceUid, names, certificateRequestPem }
        return toMessage(await authority.issueDeviceCertificate(asked))
      }),
  })

  router.service(BlobService, {
    openBlob: ({ digest }, context) =>
      answerWithStream(context, 'send a blob', async function* () {
        await requireNode()
        for await (const bytes of await authority.openBlob(digest, context.signal)) {
          for (let from = 0; from < bytes.length; from += CHUNK_BYTES) {
            yield { chunk: new Uint8Array(bytes.subarray(from, from + CHUNK_BYTES)) }
          }
        }
      }),
  })
}

/** Said to a node whose certificate is good and which is none any more. */
export function removedNode(): PolisError {
  return new PolisError('PermissionDenied', 'this node was removed from the installation', {
    hint: 'join it again with a new token',
  })
}

function toMessage({ certificatePem, caPem }: IssuedCertificate) {
  return { certificate: certificatePem, certificateAuthorities: caPem }
}
