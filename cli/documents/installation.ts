import { graphql } from '../graphql.ts'
import { ConditionParts, Head } from './head.ts'

export const InstallationStatus = graphql(
  `
    query InstallationStatus {
      installation {
        uid
        version
        url
        isReady
        nodes {
          ...Head
          spec {
            isSchedulable
            labels
          }
          status {
            conditions {
              ...ConditionParts
            }
            facts {
              os
              cpus
              memoryBytes
              memoryAvailableBytes
              diskBytes
              diskAvailableBytes
              addresses
              agentVersion
              reportedAt
            }
          }
        }
        conditions {
          objectKind
          objectName
          reason
          message
          remedy
        }
      }
      me {
        name
        role
      }
      instances(first: 1) {
        total
      }
    }
  `,
  [Head, ConditionParts],
)

export const ServerVersion = graphql(`
  query ServerVersion {
    installation {
      version
    }
  }
`)
