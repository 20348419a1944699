/* Geodesy for the map: WGS 84 degrees to the study's plane and back, lengths and areas on the ellipsoid.
   The projection is Krüger's series to n^6 (Karney 2011, "Transverse Mercator with an accuracy of a few nanometers",
   eqs. 35 and 36); the datum shift is the one PROJ uses, with small angles; lengths are Vincenty's (1975). */
(function () {
  "use strict";

  const RAD = Math.PI / 180, SECOND = RAD / 3600;
  const WGS84 = {a: 6378137, f: 1 / 298.257223563};

  const ALPHA = (n) => [
    n / 2 - 2 / 3 * n ** 2 + 5 / 16 * n ** 3 + 41 / 180 * n ** 4 - 127 / 288 * n ** 5 + 7891 / 37800 * n ** 6,
    13 / 48 * n ** 2 - 3 / 5 * n ** 3 + 557 / 1440 * n ** 4 + 281 / 630 * n ** 5 - 1983433 / 1935360 * n ** 6,
    61 / 240 * n ** 3 - 103 / 140 * n ** 4 + 15061 / 26880 * n ** 5 + 167603 / 181440 * n ** 6,
    49561 / 161280 * n ** 4 - 179 / 168 * n ** 5 + 6601661 / 7257600 * n ** 6,
    34729 / 80640 * n ** 5 - 3418889 / 1995840 * n ** 6,
    212378941 / 319334400 * n ** 6,
  ];

  // Easting and northing (m) of degrees in the CRS's own datum.
  function project(crs, lon, lat) {
    const n = crs.f / (2 - crs.f), e = Math.sqrt(crs.f * (2 - crs.f)), alpha = ALPHA(n);
    const radius = crs.a / (1 + n) * (1 + n ** 2 / 4 + n ** 4 / 64 + n ** 6 / 256);
    const plane = (longitude, latitude) => {
      const sin = Math.sin(latitude), t = Math.sinh(Math.atanh(sin) - e * Math.atanh(e * sin));
      const xi = Math.atan2(t, Math.cos(longitude)), eta = Math.asinh(Math.sin(longitude) / Math.hypot(t, Math.cos(longitude)));
      let x = eta, y = xi;
      alpha.forEach((one, at) => {
        const j = 2 * (at + 1);
        x += one * Math.cos(j * xi) * Math.sinh(j * eta);
        y += one * Math.sin(j * xi) * Math.cosh(j * eta);
      });
      return [radius * x, radius * y];
    };
    const [x, y] = plane((lon - crs.lon0) * RAD, lat * RAD), origin = plane(0, crs.lat0 * RAD)[1];
    return [crs.x0 + crs.k * x, crs.y0 + crs.k * (y - origin)];
  }

  function cartesian({a, f}, lon, lat) {
    const e2 = f * (2 - f), sin = Math.sin(lat * RAD), nu = a / Math.sqrt(1 - e2 * sin ** 2);
    return [nu * Math.cos(lat * RAD) * Math.cos(lon * RAD), nu * Math.cos(lat * RAD) * Math.sin(lon * RAD),
      nu * (1 - e2) * sin];
  }

  function geodetic({a, f}, [x, y, z]) {
    const e2 = f * (2 - f), p = Math.hypot(x, y);
    let lat = Math.atan2(z, p * (1 - e2));
    for (let turn = 0; turn < 8; turn += 1) {
      const sin = Math.sin(lat), nu = a / Math.sqrt(1 - e2 * sin ** 2);
      lat = Math.atan2(z + e2 * nu * sin, p);
    }
    return [Math.atan2(y, x) / RAD, lat / RAD];
  }

  // WGS 84 degrees as degrees of the CRS's datum: the shift is given from the datum to WGS 84 and undone here.
  function shifted(crs, lon, lat) {
    const s = crs.shift;
    if (!s) { return [lon, lat]; }
    const sign = s.convention === "coordinate_frame" ? -1 : 1;
    const [rx, ry, rz] = [s.rx, s.ry, s.rz].map((angle) => angle * SECOND * sign), scale = 1 + s.s * 1e-6;
    const rows = [[1, -rz, ry], [rz, 1, -rx], [-ry, rx, 1]], moved = [s.x, s.y, s.z];
    const from = cartesian(WGS84, lon, lat);
    const to = s.inverse
      ? [0, 1, 2].map((column) => [0, 1, 2].reduce((sum, row) => sum + rows[row][column] * (from[row] - moved[row]), 0) / scale)
      : [0, 1, 2].map((row) => moved[row] + scale * [0, 1, 2].reduce((sum, column) => sum + rows[row][column] * from[column], 0));
    return geodetic(crs, to);
  }

  // Metres (x east, y north) in the study's CRS of WGS 84 degrees.
  function toPlane(crs, lon, lat) {
    return project(crs, ...shifted(crs, lon, lat));
  }

  // Length of the shortest line on WGS 84, metres; half a millimetre for anything within a country.
  function length(one, other) {
    const {a, f} = WGS84, b = a * (1 - f), L0 = (other.lng - one.lng) * RAD;
    const U1 = Math.atan((1 - f) * Math.tan(one.lat * RAD)), U2 = Math.atan((1 - f) * Math.tan(other.lat * RAD));
    const [s1, c1, s2, c2] = [Math.sin(U1), Math.cos(U1), Math.sin(U2), Math.cos(U2)];
    let lambda = L0, sin = 0, cos = 0, sigma = 0, cos2 = 0, middle = 0;
    for (let turn = 0; turn < 100; turn += 1) {
      sin = Math.hypot(c2 * Math.sin(lambda), c1 * s2 - s1 * c2 * Math.cos(lambda));
      if (!sin) { return 0; }
      cos = s1 * s2 + c1 * c2 * Math.cos(lambda);
      sigma = Math.atan2(sin, cos);
      const sinAlpha = c1 * c2 * Math.sin(lambda) / sin;
      cos2 = 1 - sinAlpha ** 2;
      middle = cos2 ? cos - 2 * s1 * s2 / cos2 : 0;
      const C = f / 16 * cos2 * (4 + f * (4 - 3 * cos2));
      const next = L0 + (1 - C) * f * sinAlpha * (sigma + C * sin * (middle + C * cos * (2 * middle ** 2 - 1)));
      if (Math.abs(next - lambda) < 1e-13) { lambda = next; break; }
      lambda = next;
    }
    const u2 = cos2 * (a ** 2 - b ** 2) / b ** 2;
    const A = 1 + u2 / 16384 * (4096 + u2 * (-768 + u2 * (320 - 175 * u2)));
    const B = u2 / 1024 * (256 + u2 * (-128 + u2 * (74 - 47 * u2)));
    const change = B * sin * (middle + B / 4 * (cos * (2 * middle ** 2 - 1) -
      B / 6 * middle * (4 * sin ** 2 - 3) * (4 * middle ** 2 - 3)));
    return b * A * (sigma - change);
  }

  // Area of a polygon on WGS 84, m²: in a transverse Mercator plane through its middle, which is true to scale there.
  function area(points) {
    const middle = points.reduce((sum, one) => sum + one.lng, 0) / points.length;
    const plane = {...WGS84, lon0: middle, lat0: 0, k: 1, x0: 0, y0: 0};
    const xy = points.map((one) => project(plane, one.lng, one.lat));
    return Math.abs(xy.reduce((sum, [x, y], at) => {
      const [nextX, nextY] = xy[(at + 1) % xy.length];
      return sum + x * nextY - nextX * y;
    }, 0)) / 2;
  }

  covplan.geodesy = {project: project, toPlane: toPlane, length: length, area: area};
})();
