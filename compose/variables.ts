// Which variables a file asks for, so that whoever deploys it sends those and no others.
import { Field } from './field.ts'
import { Findings } from './findings.ts'
import { byText, keysWithoutValue } from './pairs.ts'
import { type VariableUse, variablesInText } from './template.ts'
import { type ComposeFile, treeOf } from './yaml-tree.ts'

/**
 * The variables of a Compose file, by name: those in `${…}`, and settings given by name only. Throws a refusal when the
 * text is no YAML; a malformed `${…}` is left for readCompose to find.
 */
export function variablesOf(file: ComposeFile): readonly VariableUse[] {
  const findings = new Findings()
  const uses = new Map<string, boolean>()
  const add = ({ name, isRequired }: VariableUse): void => {
    uses.set(name, isRequired || (uses.get(name) ?? false))
  }
  const tree = treeOf(file, findings, {
    expand(text) {
      try {
        variablesInText(text).forEach(add)
      } catch {
        // readCompose says what is wrong with it, and where.
      }
      return text
    },
  })
  findings.throwIfAny()
  if (tree !== undefined) {
    for (const name of passedOn(new Field(tree, '', new Findings()))) {
      add({ name, isRequired: false })
    }
  }
  return [...uses]
    .map(([name, isRequired]) => ({ name, isRequired }))
    .toSorted((a, b) => byText(a.name, b.name))
}

function passedOn(root: Field): readonly string[] {
  const services = mapOf(mapOf(root).get('services'))
  return [...services.values()].flatMap((service) => {
    const keys = mapOf(service)
    return [keys.get('environment'), mapOf(keys.get('build')).get('args')].flatMap((field) =>
      field === undefined || field.isNull ? [] : keysWithoutValue(field),
    )
  })
}

function mapOf(field: Field | undefined): ReadonlyMap<string, Field> {
  return (field?.node.kind === 'map' ? field.asMap() : undefined) ?? new Map<string, Field>()
}
