import { Logger } from '@nestjs/common';
import { createShop } from './create-shop.js';
import { shopConfig, type ShopConfig } from './shop.config.js';

const logger = new Logger('Shop');
const app = await createShop();
const { port } = app.get<ShopConfig>(shopConfig.KEY);
try {
  await app.listen(port);
  logger.log(`The shop listens on ${await app.getUrl()}`);
} catch (error) {
  logger.error(`The shop can not listen on port ${port}: ${(error as Error).message}. Set PORT to a free one.`);
  process.exitCode = 1;
  await app.close();
}
