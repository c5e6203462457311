/** Whether the service can be reached: the event feed finds out, failed requests hint at it. */
class Connection {
  online = $state(true);

  lost(): void {
    this.online = false;
  }

  found(): void {
    this.online = true;
  }
}

export const connection = new Connection();
