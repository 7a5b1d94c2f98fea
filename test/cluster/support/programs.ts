/** Configuration and scripts of the programs in the suite's pods. */

export const NGINX_CONF = `
daemon off;
pid /tmp/nginx.pid;
events { worker_connections 64; }
http {
  access_log off;
  client_body_temp_path /tmp/body;
  proxy_temp_path /tmp/proxy;
  fastcgi_temp_path /tmp/fastcgi;
  uwsgi_temp_path /tmp/uwsgi;
  scgi_temp_path /tmp/scgi;
  server {
    listen 8080;
    location / { return 200 "nginx speaking\\n"; }
  }
}
`;

export const WEB_SOCKET_SERVER = `
import sys
sys.path.append("/usr/lib/python3/dist-packages")
import asyncio, websockets

async def echo(socket):
    async for message in socket:
        await socket.send(message)

async def main():
    async with websockets.serve(echo, "0.0.0.0", 8080):
        await asyncio.Future()

asyncio.run(main())
`;

/** Arguments: URL, how many messages. */
export const WEB_SOCKET_CLIENT = `
import sys
sys.path.append("/usr/lib/python3/dist-packages")
import asyncio, websockets

async def main(url, count):
    async with websockets.connect(url) as socket:
        for number in range(count):
            await socket.send(str(number))
            answer = await asyncio.wait_for(socket.recv(), 10)
            assert answer == str(number), answer
    print(count, "echoed")

asyncio.run(main(sys.argv[1], int(sys.argv[2])))
`;
