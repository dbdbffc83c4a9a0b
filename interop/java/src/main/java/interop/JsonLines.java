package interop;

import com.alibaba.fastjson.JSON;
import com.alibaba.fastjson.serializer.SerializerFeature;
import java.io.BufferedWriter;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;

/** Writes one JSON object a line. Each line reaches the operating system before the next: a killed process leaves whole lines. */
final class JsonLines implements AutoCloseable {
  private final BufferedWriter writer;

  JsonLines(Path file) throws IOException {
    this.writer = Files.newBufferedWriter(file, StandardCharsets.UTF_8);
  }

  synchronized void write(Map<String, Object> line) throws IOException {
    writer.write(JSON.toJSONString(line, SerializerFeature.DisableCircularReferenceDetect, SerializerFeature.MapSortField));
    writer.newLine();
    writer.flush();
  }

  @Override
  public void close() throws IOException {
    writer.close();
  }
}
