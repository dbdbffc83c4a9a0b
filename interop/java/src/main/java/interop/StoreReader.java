package interop;

import com.alibaba.fastjson.JSONObject;
import java.nio.ByteBuffer;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.util.HexFormat;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.TreeSet;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.common.BoundaryType;
import org.apache.rocketmq.common.MixAll;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.message.MessageConst;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.common.topic.TopicValidator;
import org.apache.rocketmq.remoting.protocol.subscription.SubscriptionGroupConfig;
import org.apache.rocketmq.store.GetMessageResult;
import org.apache.rocketmq.store.MessageStore;
import org.apache.rocketmq.store.QueryMessageResult;
import org.apache.rocketmq.store.SelectMappedBufferResult;
import org.apache.rocketmq.store.queue.ConsumeQueueInterface;

/**
 * Lists, as JSON lines, what the real broker finds in its store: every record of every queue as the store hands it out, the same once more as
 * a client gets it, and offsets, topics and groups.
 */
final class StoreReader {
  private static final int PULL_COUNT = 32;

  private final RealBroker broker;
  private final JSONObject request;
  private final MessageStore store;
  private final TreeMap<String, TreeSet<String>> keysByTopic = new TreeMap<>();

  StoreReader(RealBroker broker, JSONObject request) {
    this.broker = broker;
    this.request = request;
    this.store = broker.store();
  }

  void run() throws Exception {
    broker.awaitDispatch();
    try (JsonLines out = new JsonLines(Path.of(request.getString("out")))) {
      writeStore(out);
      writeTables(out);
      TreeMap<String, TreeMap<Integer, ConsumeQueueInterface>> queues = queues();
      for (Map<Integer, ConsumeQueueInterface> byId : queues.values()) {
        for (ConsumeQueueInterface queue : byId.values()) {
          writeQueue(queue, out);
        }
      }
      if (request.getBooleanValue("byClient")) {
        writeClientView(queues, out);
      }
      if (request.getBooleanValue("byKey")) {
        writeKeyQueries(out);
      }
      if (request.getBooleanValue("byTime")) {
        writeTimeQueries(queues, out);
      }
    }
  }

  private TreeMap<String, TreeMap<Integer, ConsumeQueueInterface>> queues() {
    TreeMap<String, TreeMap<Integer, ConsumeQueueInterface>> queues = new TreeMap<>();
    broker.store().getConsumeQueueTable().forEach((topic, byId) -> queues.put(topic, new TreeMap<>(byId)));
    return queues;
  }

  private void writeStore(JsonLines out) throws Exception {
    Map<String, Object> line = line("store");
    line.put("minPhyOffset", store.getMinPhyOffset());
    line.put("maxPhyOffset", broker.recoveredMaxPhyOffset());
    line.put("storeHost", broker.controller().getStoreHost().toString());
    out.write(line);
  }

  private void writeTables(JsonLines out) throws Exception {
    for (TopicConfig topic : broker.controller().getTopicConfigManager().getTopicConfigTable().values()) {
      Map<String, Object> line = line("topic");
      line.put("topic", topic.getTopicName());
      line.put("readQueueNums", topic.getReadQueueNums());
      line.put("writeQueueNums", topic.getWriteQueueNums());
      line.put("perm", topic.getPerm());
      line.put("order", topic.isOrder());
      out.write(line);
    }
    for (SubscriptionGroupConfig group : broker.controller().getSubscriptionGroupManager().getSubscriptionGroupTable().values()) {
      Map<String, Object> line = line("group");
      line.put("group", group.getGroupName());
      line.put("retryMaxTimes", group.getRetryMaxTimes());
      line.put("retryQueueNums", group.getRetryQueueNums());
      out.write(line);
    }
    for (var byGroup : broker.controller().getConsumerOffsetManager().getOffsetTable().entrySet()) {
      for (var offset : byGroup.getValue().entrySet()) {
        Map<String, Object> line = line("consumerOffset");
        line.put("topicAtGroup", byGroup.getKey());
        line.put("queueId", offset.getKey());
        line.put("offset", offset.getValue());
        out.write(line);
      }
    }
    for (var offset : broker.controller().getScheduleMessageService().getOffsetTable().entrySet()) {
      Map<String, Object> line = line("delayOffset");
      line.put("level", offset.getKey());
      line.put("offset", offset.getValue());
      out.write(line);
    }
  }

  private void writeQueue(ConsumeQueueInterface queue, JsonLines out) throws Exception {
    long min = queue.getMinOffsetInQueue();
    long max = queue.getMaxOffsetInQueue();
    Map<String, Object> line = line("queue");
    line.put("topic", queue.getTopic());
    line.put("queueId", queue.getQueueId());
    line.put("minOffset", min);
    line.put("maxOffset", max);
    out.write(line);
    for (long offset = min; offset < max; ) {
      GetMessageResult result = store.getMessage(MixAll.TOOLS_CONSUMER_GROUP, queue.getTopic(), queue.getQueueId(), offset, PULL_COUNT, null);
      try {
        List<ByteBuffer> buffers = result.getMessageBufferList();
        for (int index = 0; index < buffers.size(); index++) {
          out.write(record(result.getMessageQueueOffset().get(index), buffers.get(index)));
        }
        if (result.getNextBeginOffset() <= offset) {
          throw new IllegalStateException("no way past " + queue.getTopic() + " " + queue.getQueueId() + " " + offset + ": " + result.getStatus());
        }
        offset = result.getNextBeginOffset();
      } finally {
        result.release();
      }
    }
  }

  private Map<String, Object> record(long queueOffset, ByteBuffer buffer) throws Exception {
    byte[] bytes = new byte[buffer.remaining()];
    buffer.duplicate().get(bytes);
    MessageExt message = MessageDecoder.decode(ByteBuffer.wrap(bytes), true, false);
    rememberKeys(message);
    Map<String, Object> line = line("record");
    line.put("topic", message.getTopic());
    line.put("queueId", message.getQueueId());
    line.put("entryOffset", queueOffset);
    line.put("queueOffset", message.getQueueOffset());
    line.put("physicalOffset", message.getCommitLogOffset());
    line.put("sizeBytes", bytes.length);
    line.put("recordSha256", sha256(bytes));
    line.put("bodyLength", message.getBody().length);
    line.put("bodySha256", sha256(message.getBody()));
    line.put("bodyCRC", message.getBodyCRC());
    line.put("flag", message.getFlag());
    line.put("sysFlag", message.getSysFlag());
    line.put("bornTimestamp", message.getBornTimestamp());
    line.put("storeTimestamp", message.getStoreTimestamp());
    line.put("bornHost", HexFormat.of().formatHex(message.getBornHostBytes().array()));
    line.put("storeHost", HexFormat.of().formatHex(message.getStoreHostBytes().array()));
    line.put("reconsumeTimes", message.getReconsumeTimes());
    line.put("preparedTransactionOffset", message.getPreparedTransactionOffset());
    line.put("properties", message.getProperties() == null ? Map.of() : new TreeMap<>(message.getProperties()));
    return line;
  }

  private void writeClientView(TreeMap<String, TreeMap<Integer, ConsumeQueueInterface>> queues, JsonLines out) throws Exception {
    // A group of RocketMQ's own: a new one would be written into the store's configuration.
    DefaultMQPullConsumer consumer = new DefaultMQPullConsumer(MixAll.TOOLS_CONSUMER_GROUP);
    consumer.setNamesrvAddr(broker.nameServerAddress());
    consumer.start();
    for (Map.Entry<String, TreeMap<Integer, ConsumeQueueInterface>> topic : queues.entrySet()) {
      // Without an entry in topics.json a topic can't be pulled: clients find no route to it.
      boolean isKnown = broker.controller().getTopicConfigManager().selectTopicConfig(topic.getKey()) != null;
      if (!isKnown || TopicValidator.isSystemTopic(topic.getKey())) {
        continue;
      }
      for (ConsumeQueueInterface queue : topic.getValue().values()) {
        MessageQueue messageQueue = new MessageQueue(topic.getKey(), broker.brokerName(), queue.getQueueId());
        long max = queue.getMaxOffsetInQueue();
        for (long offset = queue.getMinOffsetInQueue(); offset < max; ) {
          PullResult result = consumer.pull(messageQueue, "*", offset, PULL_COUNT);
          switch (result.getPullStatus()) {
            case FOUND -> {
              for (MessageExt message : result.getMsgFoundList()) {
                out.write(delivered(messageQueue, message));
              }
            }
            case NO_MATCHED_MSG -> {
              // The next offset leads past it.
            }
            default -> throw new IllegalStateException("pull of " + messageQueue + " at " + offset + " of " + max + ": " + result);
          }
          offset = result.getNextBeginOffset();
        }
      }
    }
    consumer.shutdown();
  }

  private static Map<String, Object> delivered(MessageQueue queue, MessageExt message) throws Exception {
    TreeMap<String, String> properties = new TreeMap<>(message.getProperties());
    // Put in by the client at each pull.
    properties.remove(MessageConst.PROPERTY_MIN_OFFSET);
    properties.remove(MessageConst.PROPERTY_MAX_OFFSET);
    Map<String, Object> line = line("delivered");
    line.put("topic", queue.getTopic());
    line.put("queueId", queue.getQueueId());
    line.put("queueOffset", message.getQueueOffset());
    line.put("msgId", message.getMsgId());
    line.put("tags", message.getTags());
    line.put("keys", message.getKeys());
    line.put("bodyLength", message.getBody().length);
    line.put("bodySha256", sha256(message.getBody()));
    line.put("flag", message.getFlag());
    line.put("bornTimestamp", message.getBornTimestamp());
    line.put("reconsumeTimes", message.getReconsumeTimes());
    line.put("properties", properties);
    return line;
  }

  /** Looks up every key of every message, as an operator would. */
  private void writeKeyQueries(JsonLines out) throws Exception {
    for (Map.Entry<String, TreeSet<String>> keysOfTopic : keysByTopic.entrySet()) {
      String topic = keysOfTopic.getKey();
      for (String key : keysOfTopic.getValue()) {
        QueryMessageResult result = store.queryMessage(topic, key, 64, 0, Long.MAX_VALUE);
        Map<String, Object> line = line("keyQuery");
        line.put("topic", topic);
        line.put("key", key);
        line.put(
            "physicalOffsets",
            result.getMessageBufferList().stream().map(buffer -> buffer.getLong(MessageDecoder.MESSAGE_PHYSIC_OFFSET_POSITION)).sorted().toList());
        result.getMessageMapedList().forEach(SelectMappedBufferResult::release);
        out.write(line);
      }
    }
  }

  private void rememberKeys(MessageExt message) {
    TreeSet<String> keys = keysByTopic.computeIfAbsent(message.getTopic(), topic -> new TreeSet<>());
    String uniqKey = message.getProperty(MessageConst.PROPERTY_UNIQ_CLIENT_MESSAGE_ID_KEYIDX);
    if (uniqKey != null) {
      keys.add(uniqKey);
    }
    if (message.getKeys() != null) {
      keys.addAll(List.of(message.getKeys().split(MessageConst.KEY_SEPARATOR)));
    }
  }

  /** Looks for the offset at the time of the first, middle and last record of each queue, and one millisecond beside it. */
  private void writeTimeQueries(TreeMap<String, TreeMap<Integer, ConsumeQueueInterface>> queues, JsonLines out) throws Exception {
    for (Map.Entry<String, TreeMap<Integer, ConsumeQueueInterface>> topic : queues.entrySet()) {
      for (ConsumeQueueInterface queue : topic.getValue().values()) {
        long min = queue.getMinOffsetInQueue();
        long max = queue.getMaxOffsetInQueue();
        if (min == max) {
          continue;
        }
        for (long offset : new long[] {min, (min + max) / 2, max - 1}) {
          long storeTimestamp = store.getMessageStoreTimeStamp(topic.getKey(), queue.getQueueId(), offset);
          for (long timestamp = storeTimestamp - 1; timestamp <= storeTimestamp + 1; timestamp++) {
            Map<String, Object> line = line("timeQuery");
            line.put("topic", topic.getKey());
            line.put("queueId", queue.getQueueId());
            line.put("timestampMs", timestamp);
            line.put("lower", store.getOffsetInQueueByTime(topic.getKey(), queue.getQueueId(), timestamp, BoundaryType.LOWER));
            line.put("upper", store.getOffsetInQueueByTime(topic.getKey(), queue.getQueueId(), timestamp, BoundaryType.UPPER));
            out.write(line);
          }
        }
      }
    }
  }

  private static Map<String, Object> line(String kind) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("kind", kind);
    return line;
  }

  private static String sha256(byte[] bytes) throws Exception {
    return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
  }
}
