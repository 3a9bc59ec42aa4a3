/** Uid of the installation that made a thing: what lacks it, or has another, is never touched. */
export const INSTALLATION_LABEL = 'polis.installation'
/** Uid of the Task object, on the service and its containers. */
export const TASK_LABEL = 'polis.task'
/** Uid of the object a network belongs to. */
export const NETWORK_LABEL = 'polis.network'
/** For people: project, instance and service. */
export const HUMAN_LABEL = 'polis.label'
/** Hash of the TaskSpec a service was made from. */
export const SPEC_LABEL = 'polis.task-spec'

export const nameOf = (uid: string): string => `p-${uid}`
