/**
 * Shares the queues of a topic among the members of a group: RocketMQ's default strategy AVG (`AllocateMessageQueueAveragely`). Each member
 * gets a run of neighbours; runs differ by one queue at most, the longer ones come first. Members beyond the number of queues get none.
 *
 * @returns the index of the owner, by queue id
 */
export function allocateAveragely(queueCount: number, memberCount: number): readonly number[] {
  const owners: number[] = [];
  if (memberCount === 0) return owners;
  const leastQueues = Math.floor(queueCount / memberCount);
  const membersWithOneMore = queueCount % memberCount;
  for (let member = 0; owners.length < queueCount; member++) {
    const queues = leastQueues + (member < membersWithOneMore ? 1 : 0);
    for (let i = 0; i < queues; i++) owners.push(member);
  }
  return owners;
}
