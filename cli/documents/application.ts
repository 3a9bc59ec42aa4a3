import { graphql } from '../graphql.ts'
import { ConditionParts, Head } from './head.ts'

/** One instance with all that belongs to it. */
export const InstanceShow = graphql(
  `
    query InstanceShow($name: String!, $project: String!) {
      found: instance(name: $name, project: $project) {
        ...Head
        spec {
          isStopped
          overrides {
            serviceName
            replicas
            environment
          }
        }
        status {
          observedGeneration
          conditions {
            ...ConditionParts
          }
        }
        application {
          name
        }
        revision {
          spec {
            number
          }
        }
        revisions {
          name
          createdAt
          spec {
            number
          }
        }
        services {
          ...Head
          spec {
            serviceName
            replicas
            updateOrder
            exposedPorts
          }
          status {
            conditions {
              ...ConditionParts
            }
            runningReplicas
            updatedReplicas
          }
          tasks {
            name
            spec {
              slot
            }
            status {
              state
              message
              restarts
              startedAt
              exitCode
            }
            node {
              name
            }
          }
          attachments {
            name
            isReady
            spec {
              alias
              layer
              target {
                __typename
                ... on DomainTarget {
                  port
                  domain {
                    name
                  }
                }
                ... on DatabaseTarget {
                  environment
                  database {
                    name
                  }
                }
                ... on VolumeTarget {
                  isReadOnly
                  volume {
                    name
                  }
                }
                ... on PortTarget {
                  address
                  publishedPort: port
                  targetPort
                }
                ... on SecretTarget {
                  secret {
                    name
                  }
                }
              }
            }
          }
        }
      }
    }
  `,
  [Head, ConditionParts],
)

export const LogsFollow = graphql(`
  subscription LogsFollow(
    $project: String!
    $instance: String!
    $service: String
    $follow: Boolean!
    $tail: Int!
    $since: DateTime
  ) {
    logs(
      project: $project
      instance: $instance
      service: $service
      follow: $follow
      tail: $tail
      since: $since
    ) {
      at
      serviceName
      slot
      source
      text
    }
  }
`)
