package interop;

import com.alibaba.fastjson.JSON;
import com.alibaba.fastjson.JSONArray;
import com.alibaba.fastjson.JSONObject;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Base64;
import java.util.HashMap;
import java.util.Iterator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.impl.factory.MQClientInstance;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.client.producer.selector.SelectMessageQueueByHash;
import org.apache.rocketmq.common.MixAll;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.compression.CompressionType;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageAccessor;
import org.apache.rocketmq.common.message.MessageDecoder;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageExtBrokerInner;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.remoting.protocol.subscription.SubscriptionGroupConfig;
import org.apache.rocketmq.store.PutMessageResult;
import org.apache.rocketmq.store.timer.TimerMessageStore;

/** Carries out a plan (JSON lines, see interop/README.md) with RocketMQ's own clients, and writes down what became of each step. */
final class PlanWriter {
  private static final String PRODUCER_GROUP = "interop_producer";

  private final RealBroker broker;
  private final JSONObject request;
  private final Map<String, DefaultMQProducer> producers = new HashMap<>();
  private final Map<String, TransactionMQProducer> transactionProducers = new HashMap<>();
  private final Map<String, String> recallHandles = new HashMap<>();
  private DefaultMQPullConsumer puller;

  PlanWriter(RealBroker broker, JSONObject request) {
    this.broker = broker;
    this.request = request;
  }

  void run() throws Exception {
    try (JsonLines results = new JsonLines(Path.of(request.getString("results")));
        Stream<String> lines = Files.lines(Path.of(request.getString("plan")))) {
      for (Iterator<String> steps = lines.iterator(); steps.hasNext(); ) {
        carryOut(JSON.parseObject(steps.next()), results);
      }
      broker.awaitDispatch();
      JSONObject noise = request.getJSONObject("noise");
      if (noise != null) {
        System.out.println("NOISE");
        System.out.flush();
        // Ends with the process: the driver kills it.
        for (int count = 0; ; count++) {
          noise.put("id", "noise-" + count);
          carryOut(noise, results);
        }
      }
    }
    producers.values().forEach(DefaultMQProducer::shutdown);
    transactionProducers.values().forEach(DefaultMQProducer::shutdown);
    if (puller != null) {
      puller.shutdown();
    }
  }

  private void carryOut(JSONObject step, JsonLines results) throws Exception {
    switch (step.getString("op")) {
      case "topic" -> putTopic(step);
      case "group" -> putGroup(step);
      case "send" -> results.write(result(step, send(step)));
      case "batch" -> results.write(result(step, sendBatch(step)));
      case "half" -> results.write(result(step, sendHalf(step)));
      case "put" -> results.write(put(step));
      case "sendBack" -> sendBack(step);
      case "commitOffset" -> commitOffset(step);
      case "awaitQueue" -> awaitQueue(step);
      case "answerChecks" -> answerChecks(step);
      case "recall" -> results.write(recall(step));
      case "timers" -> results.write(timers(step));
      case "pause" -> Thread.sleep(step.getLongValue("ms"));
      default -> throw new IllegalArgumentException("unknown step " + step.getString("op"));
    }
  }

  private void putTopic(JSONObject step) {
    TopicConfig topic = new TopicConfig(step.getString("topic"), step.getIntValue("readQueueNums"), step.getIntValue("writeQueueNums"));
    topic.setOrder(step.getBooleanValue("order"));
    broker.putTopic(topic);
  }

  private void putGroup(JSONObject step) {
    SubscriptionGroupConfig group = new SubscriptionGroupConfig();
    group.setGroupName(step.getString("group"));
    if (step.containsKey("retryMaxTimes")) {
      group.setRetryMaxTimes(step.getIntValue("retryMaxTimes"));
    }
    broker.controller().getSubscriptionGroupManager().updateSubscriptionGroupConfig(group);
  }

  private SendResult send(JSONObject step) throws Exception {
    DefaultMQProducer producer = producer(step.getString("compression"));
    Message message = message(step);
    if (step.containsKey("queueId")) {
      return producer.send(message, queue(step));
    }
    if (step.containsKey("hashKey")) {
      return producer.send(message, new SelectMessageQueueByHash(), step.getString("hashKey"));
    }
    return producer.send(message);
  }

  private SendResult sendBatch(JSONObject step) throws Exception {
    JSONArray parts = step.getJSONArray("messages");
    List<Message> messages = new ArrayList<>();
    for (int index = 0; index < parts.size(); index++) {
      messages.add(message(parts.getJSONObject(index)));
    }
    return producer(null).send(messages, queue(step));
  }

  private SendResult sendHalf(JSONObject step) throws Exception {
    return transactionProducer(step.getString("producerGroup"), LocalTransactionState.UNKNOW).sendMessageInTransaction(message(step), stateOf(step));
  }

  /** Puts a producer on line that answers when the broker asks about half messages of its group. */
  private void answerChecks(JSONObject step) throws Exception {
    TransactionMQProducer producer = transactionProducer(step.getString("producerGroup"), stateOf(step));
    // A producer that has sent nothing knows no broker, and the broker does not know it.
    MQClientInstance client = producer.getDefaultMQProducerImpl().getMqClientFactory();
    client.updateTopicRouteInfoFromNameServer(step.getString("topic"));
    client.sendHeartbeatToAllBrokerWithLock();
  }

  private static LocalTransactionState stateOf(JSONObject step) {
    return switch (step.getString("state")) {
      case "COMMIT" -> LocalTransactionState.COMMIT_MESSAGE;
      case "ROLLBACK" -> LocalTransactionState.ROLLBACK_MESSAGE;
      default -> LocalTransactionState.UNKNOW;
    };
  }

  /** Past the clients: records that they would refuse or change, such as one without any property. */
  private Map<String, Object> put(JSONObject step) throws Exception {
    MessageExtBrokerInner message = new MessageExtBrokerInner();
    message.setTopic(step.getString("topic"));
    message.setQueueId(step.getIntValue("queueId"));
    message.setBody(body(step));
    message.setFlag(step.getIntValue("flag"));
    message.setBornTimestamp(System.currentTimeMillis());
    message.setBornHost(new InetSocketAddress(InetAddress.getByName(step.getString("bornAddress")), 40000));
    message.setStoreHost(broker.controller().getStoreHost());
    Map<String, String> properties = MessageDecoder.string2messageProperties(step.getString("propertiesText"));
    MessageAccessor.setProperties(message, properties);
    message.setPropertiesString(step.getString("propertiesText"));
    if (message.getTags() != null) {
      message.setTagsCode(MessageExtBrokerInner.tagsString2tagsCode(null, message.getTags()));
    }
    PutMessageResult result = broker.store().putMessage(message);
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("id", step.getString("id"));
    line.put("op", "put");
    line.put("sendStatus", result.getPutMessageStatus().name());
    if (result.getAppendMessageResult() != null) {
      line.put("offsetMsgId", result.getAppendMessageResult().getMsgId());
      line.put("queueOffset", result.getAppendMessageResult().getLogicsOffset());
    }
    line.put("queueId", message.getQueueId());
    return line;
  }

  /** Takes back a timer message: one that a step of this plan sent, or any by its handle. */
  private Map<String, Object> recall(JSONObject step) throws Exception {
    String handle = step.containsKey("handle") ? step.getString("handle") : recallHandles.get(step.getString("of"));
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("id", step.getString("id"));
    line.put("op", "recall");
    line.put("msgId", producer(null).recallMessage(step.getString("topic"), handle));
    return line;
  }

  /** How many timers wait, after the broker has put into its wheel all that it has been sent. */
  private Map<String, Object> timers(JSONObject step) throws Exception {
    TimerMessageStore timers = broker.controller().getTimerMessageStore();
    while (timers.getEnqueueBehindMessages() > 0) {
      Thread.sleep(20);
    }
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("id", step.getString("id"));
    line.put("op", "timers");
    // One turn of its threads: what is behind counts from what they have fetched, not from what they have put into the wheel.
    Thread.sleep(500);
    line.put("pending", timers.getTimerWheel().getAllNum(System.currentTimeMillis()));
    return line;
  }

  private void sendBack(JSONObject step) throws Exception {
    long offset = step.getLongValue("offset");
    PullResult pulled = puller().pull(queue(step), "*", offset, 1);
    if (pulled.getPullStatus() != PullStatus.FOUND) {
      throw new IllegalStateException("nothing to send back at " + step + ": " + pulled);
    }
    MessageExt message = pulled.getMsgFoundList().get(0);
    puller().sendMessageBack(message, step.getIntValue("delayLevel"), broker.brokerName(), step.getString("group"));
  }

  private void commitOffset(JSONObject step) {
    String group = step.getString("group");
    // The look-up makes the group, as a consumer's heartbeat would.
    broker.controller().getSubscriptionGroupManager().findSubscriptionGroupConfig(group);
    broker.controller().getConsumerOffsetManager()
        .commitOffset("interop", group, step.getString("topic"), step.getIntValue("queueId"), step.getLongValue("offset"));
  }

  private void awaitQueue(JSONObject step) throws Exception {
    long deadline = System.currentTimeMillis() + step.getLongValue("timeoutMs");
    while (broker.store().getMaxOffsetInQueue(step.getString("topic"), step.getIntValue("queueId")) < step.getLongValue("count")) {
      if (System.currentTimeMillis() > deadline) {
        throw new IllegalStateException("the queue did not fill: " + step);
      }
      Thread.sleep(10);
    }
  }

  private Message message(JSONObject step) {
    Message message = new Message(step.getString("topic"), body(step));
    message.setFlag(step.getIntValue("flag"));
    if (step.containsKey("tags")) {
      message.setTags(step.getString("tags"));
    }
    if (step.containsKey("keys")) {
      message.setKeys(step.getString("keys"));
    }
    if (step.containsKey("delayLevel")) {
      message.setDelayTimeLevel(step.getIntValue("delayLevel"));
    }
    if (step.containsKey("delayMs")) {
      message.setDelayTimeMs(step.getLongValue("delayMs"));
    }
    if (step.containsKey("deliverAfterMs")) {
      message.setDeliverTimeMs(System.currentTimeMillis() + step.getLongValue("deliverAfterMs"));
    }
    if (step.containsKey("waitStoreMsgOK")) {
      message.setWaitStoreMsgOK(step.getBooleanValue("waitStoreMsgOK"));
    }
    JSONObject properties = step.getJSONObject("properties");
    if (properties != null) {
      properties.forEach((name, value) -> message.putUserProperty(name, (String) value));
    }
    return message;
  }

  private static byte[] body(JSONObject step) {
    return Base64.getDecoder().decode(step.getString("body").getBytes(StandardCharsets.US_ASCII));
  }

  private MessageQueue queue(JSONObject step) {
    return new MessageQueue(step.getString("topic"), broker.brokerName(), step.getIntValue("queueId"));
  }

  private Map<String, Object> result(JSONObject step, SendResult sent) {
    Map<String, Object> line = new LinkedHashMap<>();
    line.put("id", step.getString("id"));
    line.put("op", step.getString("op"));
    line.put("sendStatus", sent.getSendStatus().name());
    line.put("msgId", sent.getMsgId());
    line.put("offsetMsgId", sent.getOffsetMsgId());
    line.put("queueId", sent.getMessageQueue().getQueueId());
    line.put("queueOffset", sent.getQueueOffset());
    line.put("transactionId", sent.getTransactionId());
    if (sent.getRecallHandle() != null) {
      recallHandles.put(step.getString("id"), sent.getRecallHandle());
      line.put("recallHandle", sent.getRecallHandle());
    }
    return line;
  }

  private DefaultMQProducer producer(String compression) throws Exception {
    String name = compression == null ? "ZLIB" : compression;
    DefaultMQProducer producer = producers.get(name);
    if (producer == null) {
      producer = new DefaultMQProducer(PRODUCER_GROUP + "_" + name);
      producer.setNamesrvAddr(broker.nameServerAddress());
      if (name.equals("NONE")) {
        producer.setCompressMsgBodyOverHowmuch(Integer.MAX_VALUE);
      } else {
        producer.setCompressType(CompressionType.of(name));
      }
      producer.setSendMsgTimeout(10_000);
      // A send that is repeated after a timeout would put in a second message that the plan does not know of.
      producer.setRetryTimesWhenSendFailed(0);
      producer.start();
      producers.put(name, producer);
    }
    return producer;
  }

  /** The first call for a group decides what it answers when the broker asks about a half message. */
  private TransactionMQProducer transactionProducer(String group, LocalTransactionState answer) throws Exception {
    TransactionMQProducer producer = transactionProducers.get(group);
    if (producer == null) {
      producer = new TransactionMQProducer(group);
      producer.setNamesrvAddr(broker.nameServerAddress());
      producer.setTransactionListener(
          new TransactionListener() {
            @Override
            public LocalTransactionState executeLocalTransaction(Message message, Object state) {
              return (LocalTransactionState) state;
            }

            @Override
            public LocalTransactionState checkLocalTransaction(MessageExt message) {
              return answer;
            }
          });
      producer.start();
      transactionProducers.put(group, producer);
    }
    return producer;
  }

  private DefaultMQPullConsumer puller() throws Exception {
    if (puller == null) {
      puller = new DefaultMQPullConsumer(MixAll.TOOLS_CONSUMER_GROUP);
      puller.setNamesrvAddr(broker.nameServerAddress());
      puller.start();
    }
    return puller;
  }
}
