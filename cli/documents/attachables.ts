import { graphql } from '../graphql.ts'
import { ConditionParts, Head, PageEnd } from './head.ts'

const VolumeParts = graphql(
  `
    fragment VolumeParts on Volume {
      ...Head
      spec {
        deviceUid
        path
        isExclusive
        binnedAt
      }
      status {
        observedGeneration
        conditions {
          ...ConditionParts
        }
        path
        sizeBytes
      }
      device {
        name
      }
      attachments {
        spec {
          alias
          serviceUid
        }
        service {
          spec {
            serviceName
          }
          instance {
            name
          }
        }
      }
      services {
        spec {
          serviceName
        }
        instance {
          name
        }
      }
    }
  `,
  [Head, ConditionParts],
)

export const VolumeList = graphql(
  `
    query VolumeList($first: Int!, $after: String, $filter: ResourceFilter) {
      page: volumes(first: $first, after: $after, filter: $filter) {
        nodes {
          ...VolumeParts
        }
        pageInfo {
          ...PageEnd
        }
      }
    }
  `,
  [VolumeParts, PageEnd],
)

export const VolumeFind = graphql(
  `
    query VolumeFind($name: String!, $project: String!) {
      found: volume(name: $name, project: $project) {
        ...VolumeParts
      }
    }
  `,
  [VolumeParts],
)

const DatabaseParts = graphql(
  `
    fragment DatabaseParts on Database {
      ...Head
      spec {
        deviceUid
        databaseName
        roleName
        passwordUid
        gatewayPort
        binnedAt
      }
      status {
        observedGeneration
        conditions {
          ...ConditionParts
        }
        sizeBytes
      }
      device {
        name
      }
      attachments {
        spec {
          alias
          serviceUid
        }
        service {
          spec {
            serviceName
          }
          instance {
            name
          }
        }
      }
    }
  `,
  [Head, ConditionParts],
)

export const DatabaseList = graphql(
  `
    query DatabaseList($first: Int!, $after: String, $filter: ResourceFilter) {
      page: databases(first: $first, after: $after, filter: $filter) {
        nodes {
          ...DatabaseParts
        }
        pageInfo {
          ...PageEnd
        }
      }
    }
  `,
  [DatabaseParts, PageEnd],
)

export const DatabaseFind = graphql(
  `
    query DatabaseFind($name: String!, $project: String!) {
      found: database(name: $name, project: $project) {
        ...DatabaseParts
      }
    }
  `,
  [DatabaseParts],
)

const DomainParts = graphql(
  `
    fragment DomainParts on Domain {
      ...Head
      spec {
        host
        tls
      }
      status {
        observedGeneration
        conditions {
          ...ConditionParts
        }
      }
      attachments {
        spec {
          alias
          serviceUid
          target {
            ... on DomainTarget {
              port
            }
          }
        }
        service {
          spec {
            serviceName
          }
          instance {
            name
          }
        }
      }
    }
  `,
  [Head, ConditionParts],
)

export const DomainList = graphql(
  `
    query DomainList($first: Int!, $after: String, $filter: ResourceFilter) {
      page: domains(first: $first, after: $after, filter: $filter) {
        nodes {
          ...DomainParts
        }
        pageInfo {
          ...PageEnd
        }
      }
    }
  `,
  [DomainParts, PageEnd],
)

export const DomainFind = graphql(
  `
    query DomainFind($name: String!, $project: String!) {
      found: domain(name: $name, project: $project) {
        ...DomainParts
      }
    }
  `,
  [DomainParts],
)

const SecretParts = graphql(
  `
    fragment SecretParts on Secret {
      ...Head
      spec {
        version
      }
      status {
        observedGeneration
        conditions {
          ...ConditionParts
        }
      }
      attachments {
        spec {
          alias
          serviceUid
        }
        service {
          spec {
            serviceName
          }
          instance {
            name
          }
        }
      }
    }
  `,
  [Head, ConditionParts],
)

export const SecretList = graphql(
  `
    query SecretList($first: Int!, $after: String, $filter: ResourceFilter) {
      page: secrets(first: $first, after: $after, filter: $filter) {
        nodes {
          ...SecretParts
        }
        pageInfo {
          ...PageEnd
        }
      }
    }
  `,
  [SecretParts, PageEnd],
)

const ConfigParts = graphql(
  `
    fragment ConfigParts on Config {
      ...Head
      spec {
        content
      }
      status {
        observedGeneration
        conditions {
          ...ConditionParts
        }
      }
    }
  `,
  [Head, ConditionParts],
)

export const ConfigList = graphql(
  `
    query ConfigList($first: Int!, $after: String, $filter: ResourceFilter) {
      page: configs(first: $first, after: $after, filter: $filter) {
        nodes {
          ...ConfigParts
        }
        pageInfo {
          ...PageEnd
        }
      }
    }
  `,
  [ConfigParts, PageEnd],
)

export const ConfigFind = graphql(
  `
    query ConfigFind($name: String!, $project: String!) {
      found: config(name: $name, project: $project) {
        ...ConfigParts
      }
    }
  `,
  [ConfigParts],
)
