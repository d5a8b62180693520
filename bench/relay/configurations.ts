import { join } from 'node:path'

/** What a proxy's configuration is written from. */
export interface ProxyOptions {
  /** Where it may put files. */
  readonly folder: string
  readonly port: number
  /** Where the provider of `/v1/realtime` is, and that of all other paths. */
  readonly upstreams: readonly [number, number]
  /** Whether clients, and whether the provider, are spoken to in TLS. */
  readonly tls: { readonly clients: boolean; readonly provider: boolean }
  /** Files with a key and a certificate. */
  readonly key: string
  readonly cert: string
}

/** One worker, no logs, and otherwise what the documentation of nginx says about WebSockets. */
export function nginxConfiguration({ folder, port, upstreams, tls, key, cert }: ProxyOptions): string {
  const scheme = tls.provider ? 'https' : 'http'
  const proxy = (upstream: number) => `
      proxy_pass ${scheme}://127.0.0.1:${upstream};
      proxy_http_version 1.1;
      proxy_set_header Upgrade $http_upgrade;
      proxy_set_header Connection upgrade;
      proxy_read_timeout 1h;
      proxy_send_timeout 1h;
      proxy_ssl_protocols TLSv1.3;`
  return `
user root;
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid ${join(folder, 'nginx.pid')};
error_log /dev/null crit;
events { worker_connections 8192; }
http {
  access_log off;
  client_body_temp_path ${join(folder, 'body')};
  proxy_temp_path ${join(folder, 'proxy')};
  fastcgi_temp_path ${join(folder, 'fastcgi')};
  uwsgi_temp_path ${join(folder, 'uwsgi')};
  scgi_temp_path ${join(folder, 'scgi')};
  server {
    listen 127.0.0.1:${port}${tls.clients ? ' ssl' : ''} backlog=2048;
    ssl_protocols TLSv1.3;
    ssl_certificate ${cert};
    ssl_certificate_key ${key};
    location = /v1/realtime {${proxy(upstreams[0])}
    }
    location / {${proxy(upstreams[1])}
    }
  }
}
`
}

/** One thread, no logs, and a tunnel's time-out, as the documentation of HAProxy says about WebSockets. */
export function haproxyConfiguration({ port, upstreams }: ProxyOptions): string {
  return `
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 10s
  timeout client 1h
  timeout server 1h
  timeout tunnel 1h
frontend clients
  bind 127.0.0.1:${port} backlog 2048
  use_backend realtime if { path /v1/realtime }
  default_backend others
backend realtime
  server provider 127.0.0.1:${upstreams[0]}
backend others
  server provider 127.0.0.1:${upstreams[1]}
`
}
