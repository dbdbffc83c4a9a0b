import { ConflictException, Inject, Injectable, NotFoundException } from '@nestjs/common';
import { RocketTemplate } from 'nestjs-rocket';
import { fromCents, toCents } from '../database/money.js';
import { ShopDatabase } from '../database/shop-database.js';
import { ShopLog } from '../log/shop-log.js';
import { shopConfig, type ShopConfig } from '../shop.config.js';
import { CLOSE_ORDER_TOPIC, type CloseOrder, type Order, type OrderRequest, type OrderState } from './orders.types.js';

const SEND_TIMEOUT_MS = 3000;

interface OrderRow {
  readonly order_no: string;
  readonly amount_cents: number;
  readonly state: OrderState;
  readonly created_at: number;
}

@Injectable()
export class OrdersService {
  constructor(
    private readonly rocket: RocketTemplate,
    private readonly database: ShopDatabase,
    private readonly log: ShopLog,
    @Inject(shopConfig.KEY) private readonly config: ShopConfig,
  ) {}

  async place({ orderNo, amount }: OrderRequest): Promise<Order> {
    this.#refuseDuplicate(orderNo);
    const placedAt = new Date();
    // The message goes first: a crash between the two leaves a message about no order, which its listener skips. The other way round it
    // would leave an order that nobody ever closes.
    const message: CloseOrder = { orderNo, placedAt };
    await this.rocket.syncSend(CLOSE_ORDER_TOPIC, message, {
      keys: orderNo,
      delayLevel: this.config.closeDelayLevel,
      timeoutMs: SEND_TIMEOUT_MS,
    });
    const inserted = this.database.run(
      `INSERT INTO orders (order_no, amount_cents, state, created_at) VALUES (?, ?, 'CREATED', ?) ON CONFLICT DO NOTHING`,
      orderNo,
      toCents(amount),
      placedAt.getTime(),
    );
    // Another request was faster. The message of this one finds that order paid or closed, or closes it: it is due no earlier.
    if (inserted === 0) this.#refuseDuplicate(orderNo);
    await this.log.write(`order ${orderNo} placed`);
    return this.find(orderNo);
  }

  /** Paying twice is the same as paying once. */
  pay(orderNo: string): Order {
    this.database.run(`UPDATE orders SET state = 'PAID' WHERE order_no = ? AND state = 'CREATED'`, orderNo);
    const order = this.find(orderNo);
    if (order.state === 'CLOSED') throw new ConflictException(`Order ${orderNo} is closed: it was not paid in time.`);
    return order;
  }

  /** @returns the order's state after it, or undefined when there is no such order */
  closeIfUnpaid(orderNo: string): OrderState | undefined {
    this.database.run(`UPDATE orders SET state = 'CLOSED' WHERE order_no = ? AND state = 'CREATED'`, orderNo);
    return this.#row(orderNo)?.state;
  }

  find(orderNo: string): Order {
    const row = this.#row(orderNo);
    if (row === undefined) throw new NotFoundException(`There is no order ${orderNo}.`);
    const { amount_cents, state, created_at } = row;
    return { orderNo, amount: fromCents(amount_cents), state, createdAt: new Date(created_at).toISOString() };
  }

  #row(orderNo: string): OrderRow | undefined {
    return this.database.all<OrderRow>('SELECT * FROM orders WHERE order_no = ?', orderNo)[0];
  }

  #refuseDuplicate(orderNo: string): void {
    if (this.#row(orderNo) !== undefined) throw new ConflictException(`There is an order ${orderNo} already.`);
  }
}
