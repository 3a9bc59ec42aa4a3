import { graphql } from '../graphql.ts'
import { ConditionParts, Head, PageEnd } from './head.ts'

const DeviceParts = graphql(
  `
    fragment DeviceParts on Device {
      ...Head
      spec {
        driver
        class
        nodeUid
        parameters
      }
      status {
        observedGeneration
        conditions {
          ...ConditionParts
        }
        engineVersion
        facts
      }
      node {
        name
      }
    }
  `,
  [Head, ConditionParts],
)

export const DeviceList = graphql(
  `
    query DeviceList($first: Int!, $after: String, $filter: ResourceFilter) {
      page: devices(first: $first, after: $after, filter: $filter) {
        nodes {
          ...DeviceParts
        }
        pageInfo {
          ...PageEnd
        }
      }
    }
  `,
  [DeviceParts, PageEnd],
)

export const DeviceFind = graphql(
  `
    query DeviceFind($name: String!) {
      found: device(name: $name) {
        ...DeviceParts
      }
    }
  `,
  [DeviceParts],
)

const DriverParts = graphql(
  `
    fragment DriverParts on Driver {
      ...Head
      status {
        observedGeneration
        conditions {
          ...ConditionParts
        }
        class
        version
        summary
        parameters
        capabilities
        nodeUids
      }
      nodes {
        name
      }
    }
  `,
  [Head, ConditionParts],
)

export const DriverList = graphql(
  `
    query DriverList($first: Int!, $after: String, $filter: ResourceFilter) {
      page: drivers(first: $first, after: $after, filter: $filter) {
        nodes {
          ...DriverParts
        }
        pageInfo {
          ...PageEnd
        }
      }
    }
  `,
  [DriverParts, PageEnd],
)

export const DriverFind = graphql(
  `
    query DriverFind($name: String!) {
      found: driver(name: $name) {
        ...DriverParts
      }
    }
  `,
  [DriverParts],
)

const NodeParts = graphql(
  `
    fragment NodeParts on Node {
      ...Head
      spec {
        isSchedulable
        labels
      }
      status {
        observedGeneration
        conditions {
          ...ConditionParts
        }
        engineNode
        gatewayAddress
        facts {
          hostName
          os
          kernelRelease
          architecture
          cpus
          memoryBytes
          memoryAvailableBytes
          diskBytes
          diskAvailableBytes
          addresses
          agentVersion
          bootId
          reportedAt
        }
      }
      devices {
        name
        spec {
          class
        }
      }
    }
  `,
  [Head, ConditionParts],
)

export const NodeList = graphql(
  `
    query NodeList($first: Int!, $after: String, $filter: ResourceFilter) {
      page: nodes(first: $first, after: $after, filter: $filter) {
        nodes {
          ...NodeParts
        }
        pageInfo {
          ...PageEnd
        }
      }
    }
  `,
  [NodeParts, PageEnd],
)

export const NodeFind = graphql(
  `
    query NodeFind($name: String!) {
      found: node(name: $name) {
        ...NodeParts
      }
    }
  `,
  [NodeParts],
)

const ProjectParts = graphql(
  `
    fragment ProjectParts on Project {
      ...Head
      spec {
        displayName
        quotas {
          maxTasks
          maxDatabases
          maxVolumes
        }
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

export const ProjectList = graphql(
  `
    query ProjectList($first: Int!, $after: String, $filter: ResourceFilter) {
      page: projects(first: $first, after: $after, filter: $filter) {
        nodes {
          ...ProjectParts
        }
        pageInfo {
          ...PageEnd
        }
      }
    }
  `,
  [ProjectParts, PageEnd],
)

export const ProjectFind = graphql(
  `
    query ProjectFind($name: String!) {
      found: project(name: $name) {
        ...ProjectParts
      }
    }
  `,
  [ProjectParts],
)
