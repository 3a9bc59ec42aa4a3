import type { GraphQLSchema } from 'graphql'
import { createBuilder } from './builder.ts'
import { addChangeMutations } from './change-mutations.ts'
import { Connections } from './connection.ts'
import { addEventType } from './event-type.ts'
import { addInstallationQueries } from './installation-queries.ts'
import { addEventFilter, addJournalQueries } from './journal-queries.ts'
import { addKindTypes } from './kind-types.ts'
import { addObjectQueries } from './object-queries.ts'
import { ObjectTypes } from './object-types.ts'
import { addOperationTypes } from './operation-types.ts'
import { addSessionMutations } from './session-mutations.ts'
import { addSpecialFields } from './special-fields.ts'
import { addSubscriptions } from './subscriptions.ts'

/** The whole schema, as `api/schema.graphql` publishes it. */
export function createSchema(): GraphQLSchema {
  const builder = createBuilder()
  builder.queryType({ description: 'What can be read.' })
  builder.mutationType({ description: 'What can be changed.' })
  builder.subscriptionType({ description: 'What can be followed, as server-sent events.' })
  const types = new ObjectTypes(builder)
  const kindTypes = addKindTypes(builder, types)
  addSpecialFields(builder, types, kindTypes)
  const connections = new Connections(builder)
  addObjectQueries(builder, kindTypes, connections)
  const operationTypes = addOperationTypes(builder, types, kindTypes)
  addChangeMutations(builder, types, operationTypes)
  addSessionMutations(builder, types)
  const event = addEventType(builder, types, kindTypes)
  const eventFilter = addEventFilter(builder)
  addJournalQueries(builder, types, { connections, event, eventFilter })
  addInstallationQueries(builder, types, kindTypes)
  addSubscriptions(builder, types, { kindTypes, event, eventFilter })
  return builder.toSchema()
}
