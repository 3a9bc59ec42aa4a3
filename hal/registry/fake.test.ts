import { newUid } from '@polis/lib/uid'
import { registryConformance } from './conformance.ts'
import { FakeRegistry } from './fake.ts'

function newImageId(): string {
  const hex = Array.from(newUid().repeat(4), (letter) => (letter.codePointAt(0) ?? 0) % 16)
  return `sha256:${hex
    .map((digit) => digit.toString(16))
    .join('')
    .slice(0, 64)}`
}

registryConformance(async () => {
  const fake = new FakeRegistry()
  const missingImageId = newImageId()
  fake.loseImage(missingImageId)
  return {
    port: fake,
    addImage: async () => newImageId(),
    missingImageId,
    pull: async (reference) => fake.pull(reference),
    canReadAnonymously: async () => false,
    takesRoom: async (reference) => fake.keptReferences.includes(reference),
    [Symbol.asyncDispose]: async () => undefined,
  }
})
