"""What a receiver is given for one delivery: how to make a receipt durable, and details to show."""

from __future__ import annotations

from watcher import model, ports


class ClosingError(Exception):
    """The daemon is stopping: no further act is started."""


class ClaimLostError(Exception):
    """Another daemon delivers this incident now; its receipt must not be overwritten."""


class DeliverySession:
    """Implements ports.DeliverySession; `receipt` is the last one that is durable."""

    def __init__(
        self,
        outbox: ports.Outbox,
        reader: ports.DetailReader,
        pending: ports.PendingDelivery,
    ) -> None:
        self.receipt = pending.receipt
        self.intended_at = pending.intended_at
        self.report_files = reader.report_files
        self.all_alerts = reader.all_alerts
        self.series = reader.series
        self._outbox = outbox
        self._token = pending.token
        self._closing = False

    def close(self) -> None:
        """Let the act in hand finish, including its receipt, and start no other."""
        self._closing = True

    async def save(self, receipt: model.Receipt) -> None:
        """Commit a receipt; raise ClosingError instead of starting an act while stopping."""
        if self._closing and receipt.intent:
            raise ClosingError  # before the intent is durable, so nothing has to be looked up
        try:
            await self._outbox.save_receipt(receipt, self._token)
        except model.PermanentError as error:
            raise ClaimLostError(str(error)) from error
        self.receipt = receipt
        if self._closing:
            raise ClosingError
